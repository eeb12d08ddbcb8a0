import { resources } from '#proto/api/index.ts';
import { silent } from '#proto/meta/log.ts';
import type { ListenOptions } from '#server/apiserver/http/https-server.ts';
import { type ApiServer, type ApiServerDeps, createApiServer } from '#server/apiserver/server.ts';
import { noBoards } from '#server/apiserver/testing/no-boards.ts';
import { selfSigned } from '#server/apiserver/testing/self-signed.ts';
import { strategies } from '#server/registry/index.ts';
import { createMemoryStore } from '#server/store/open.ts';

/** A whole server on a port of loopback: everybody with the token `admin` may do everything. */
export async function startTestServer(
  over: Partial<ApiServerDeps> = {},
  listen: Pick<ListenOptions, 'idleMs'> = {},
): Promise<{ server: ApiServer; port: number; ca: string }> {
  const { cert, key, ca } = selfSigned();
  const server = createApiServer({
    store: createMemoryStore(),
    resources,
    strategies,
    admission: [],
    authenticators: [
      {
        authenticate: async ({ authorization }) =>
          authorization === 'Bearer admin' ? { name: 'admin', groups: ['system:masters'] } : undefined,
      },
    ],
    authorizer: { authorize: () => ({ allowed: true }) },
    reviews: {},
    tokenIssuer: async (request) => request,
    streams: {
      ...noBoards,
      openLog: async () =>
        (async function* () {
          yield new TextEncoder().encode('a line\n');
        })(),
    },
    extras: [],
    healthChecks: [{ name: 'ping', live: true, check: () => {} }],
    serviceCidr: '10.43.0.0/16',
    serverAddress: '127.0.0.1:6443',
    log: silent,
    ...over,
  });
  const port = await server.listen({ host: '127.0.0.1', port: 0, cert, key, clientCa: ca, ...listen });
  return { server, port, ca };
}
