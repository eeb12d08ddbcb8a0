import { apiVersionOf } from '#proto/api/resource.ts';
import type { Aggregator } from '#server/apiserver/aggregator/aggregator.ts';
import type { ApiServices, RemoteApi } from '#server/apiserver/aggregator/api-services.ts';
import {
  discoveryResources,
  type RemoteVersion,
} from '#server/apiserver/aggregator/remote-discovery.plan.ts';
import { remoteGet } from '#server/apiserver/aggregator/remote-get.ts';
import { withRemoteUser } from '#server/apiserver/aggregator/remote-headers.plan.ts';
import type { RemoteVersions } from '#server/apiserver/discovery/discovery-handler.ts';
import type { Answer, ApiRequest } from '#server/apiserver/http/exchange.ts';
import type { RemoteOpenApi } from '#server/apiserver/openapi/openapi-handler.ts';

const TIMEOUT_MS = 5_000;
/** Who may see everything: what is asked is whether the server is there. */
const CHECKER = { name: 'system:kube-aggregator', groups: ['system:masters'] };

interface Known {
  readonly resources: readonly object[];
  /** Where its OpenAPI document is, with its hash; undefined where it has none. */
  readonly openApi: string | undefined;
}

/** What aggregated servers said of themselves when they were last asked, for discovery and OpenAPI of the whole. */
export class RemoteDiscovery implements RemoteVersions, RemoteOpenApi {
  readonly #services: ApiServices;
  readonly #aggregator: Pick<Aggregator, 'connectTo' | 'openApi'>;
  /** By name of the APIService. */
  readonly #known = new Map<string, Known>();
  readonly #listeners = new Set<() => void>();

  constructor(services: ApiServices, aggregator: Pick<Aggregator, 'connectTo' | 'openApi'>) {
    this.#services = services;
    this.#aggregator = aggregator;
    services.onChange(() => {
      const names = new Set(services.all.map(({ name }) => name));
      for (const name of this.#known.keys()) if (!names.has(name)) this.#known.delete(name);
      this.#tell();
    });
  }

  get all(): readonly RemoteVersion[] {
    return this.#services.all.map(
      ({ name, group, version, isAvailable, groupPriority, versionPriority }) => ({
        group,
        version,
        groupPriority,
        versionPriority,
        freshness: isAvailable ? 'Current' : 'Stale',
        resources: this.#known.get(name)?.resources ?? [],
      }),
    );
  }

  /** `apis/wardle.example.com/v1alpha1` to the URL of its OpenAPI v3 document. */
  get openApiPaths(): Readonly<Record<string, string>> {
    const entries = this.#services.all.flatMap((remote) => {
      const url = this.#known.get(remote.name)?.openApi;
      return url === undefined ? [] : [[`apis/${apiVersionOf(remote)}`, url]];
    });
    return Object.fromEntries(entries);
  }

  openApi(request: ApiRequest, group: string, version: string): Promise<Answer | undefined> {
    return this.#aggregator.openApi(request, group, version);
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /**
   * Asks the server behind an APIService what it has. Rejects with the reason why it does not tell: it is not available. Rule:
   * `sync` of kube-aggregator's remote availability controller.
   */
  async check(remote: RemoteApi): Promise<void> {
    const path = `/apis/${apiVersionOf(remote)}`;
    const url = `https://${remote.service.name}.${remote.service.namespace}.svc:${remote.service.port}${path}`;
    let answer: Awaited<ReturnType<typeof remoteGet>>;
    try {
      answer = await this.#get(remote, path);
      if (answer.code < 200 || answer.code >= 300) throw new Error(`bad status from ${url}: ${answer.code}`);
    } catch (err) {
      throw new Error(`failing or missing response from ${url}: ${(err as Error).message}`, { cause: err });
    }
    const openApi = await this.#openApiOf(remote).catch(() => undefined);
    const known = { resources: discoveryResources(answer.value, remote), openApi };
    if (JSON.stringify(known) === JSON.stringify(this.#known.get(remote.name))) return;
    this.#known.set(remote.name, known);
    this.#tell();
  }

  async #openApiOf(remote: RemoteApi): Promise<string | undefined> {
    const { code, value } = await this.#get(remote, '/openapi/v3');
    const paths = (
      value as { paths?: Record<string, { serverRelativeURL?: unknown } | undefined> } | undefined
    )?.paths;
    const url = code === 200 ? paths?.[`apis/${apiVersionOf(remote)}`]?.serverRelativeURL : undefined;
    return typeof url === 'string' && url.startsWith('/openapi/v3/') ? url : undefined;
  }

  #get(remote: RemoteApi, path: string): ReturnType<typeof remoteGet> {
    const host = `${remote.service.name}.${remote.service.namespace}.svc`;
    const headers = { ...withRemoteUser({ accept: 'application/json', host }, CHECKER) };
    return remoteGet(this.#aggregator.connectTo(remote), { path, headers, timeoutMs: TIMEOUT_MS });
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
