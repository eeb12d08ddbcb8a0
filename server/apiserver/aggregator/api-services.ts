import { apiservices } from '#proto/api/apiregistration/apiservices.ts';
import { apiVersionOf } from '#proto/api/resource.ts';
import type { APIService } from '#proto/schema/generated/apiregistration-v1.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';

/** A group and version that another server answers for. */
export interface RemoteApi {
  /** Of its APIService: `v1alpha1.wardle.example.com`. */
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number };
  /** PEM; the system's roots where there is none. */
  readonly ca: string | undefined;
  readonly insecure: boolean;
  readonly isAvailable: boolean;
  readonly groupPriority: number;
  readonly versionPriority: number;
}

/** Which groups and versions are somebody else's: the APIServices that name a Service, always as they are now. */
export class ApiServices {
  readonly #remotes = new Map<string, RemoteApi>();
  readonly #listeners = new Set<() => void>();

  constructor(reader: ObjectReader) {
    reader.follow(apiservices, (service, change, previous) => {
      const remote = change === 'put' ? remoteOf(service) : undefined;
      const before = previous && remoteOf(previous);
      if (before) this.#remotes.delete(apiVersionOf(before));
      if (remote) this.#remotes.set(apiVersionOf(remote), remote);
      if (remote || before) for (const listener of this.#listeners) listener();
    });
  }

  get all(): readonly RemoteApi[] {
    return [...this.#remotes.values()];
  }

  find(group: string, version: string): RemoteApi | undefined {
    return this.#remotes.get(apiVersionOf({ group, version }));
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }
}

/** Undefined for one that is served here. */
export function remoteOf({ metadata, spec, status }: APIService): RemoteApi | undefined {
  if (!spec.service) return undefined;
  const { namespace = '', name = '', port = 443 } = spec.service;
  return {
    name: metadata.name ?? '',
    group: spec.group ?? '',
    version: spec.version ?? '',
    service: { namespace, name, port },
    ca: spec.caBundle ? Buffer.from(spec.caBundle, 'base64').toString() : undefined,
    insecure: spec.insecureSkipTLSVerify ?? false,
    isAvailable: status?.conditions?.some((c) => c.type === 'Available' && c.status === 'True') ?? false,
    groupPriority: spec.groupPriorityMinimum,
    versionPriority: spec.versionPriority,
  };
}
