/** Answers balancers in front of the boards: whether a Service with the external policy Local has endpoints here. */
import { createServer, type Server } from 'node:http';
import type { Logger } from '#proto/meta/log.ts';
import type { HealthCheck } from './health-checks.plan.ts';

const MAX_CONNECTIONS = 64;
const IDLE_MS = 5_000;

/** One listener for each port; none where no Service wants one. */
export class HealthChecks {
  readonly #log: Logger;
  readonly #servers = new Map<number, Server>();
  #checks: ReadonlyMap<number, HealthCheck> = new Map();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** What is answered from now on. A port that can't be had is tried again with the next call. */
  set(checks: ReadonlyMap<number, HealthCheck>): void {
    this.#checks = checks;
    for (const [port, server] of this.#servers) {
      if (checks.has(port)) continue;
      this.#servers.delete(port);
      server.close();
      server.closeAllConnections();
    }
    for (const port of checks.keys()) if (!this.#servers.has(port)) this.#listen(port);
  }

  #listen(port: number): void {
    const server = createServer(
      { requestTimeout: IDLE_MS, headersTimeout: IDLE_MS },
      (_request, response) => {
        const check = this.#checks.get(port);
        const count = check?.localEndpoints ?? 0;
        response.writeHead(count > 0 ? 200 : 503, {
          'content-type': 'application/json',
          'x-content-type-options': 'nosniff',
          'x-load-balancing-endpoint-weight': String(count),
        });
        const service = { namespace: check?.namespace, name: check?.name };
        response.end(
          JSON.stringify({ service, localEndpoints: count, serviceProxyHealthy: true }, null, '\t'),
        );
      },
    );
    server.maxConnections = MAX_CONNECTIONS;
    server.on('error', (err) => {
      this.#servers.delete(port);
      this.#log.warn('a health check of a service can not be served', { port, err });
    });
    this.#servers.set(port, server);
    server.listen(port);
  }
}
