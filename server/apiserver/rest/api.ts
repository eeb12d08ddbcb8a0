import { randomUUID } from 'node:crypto';
import { apiVersionOf, type Resource } from '#proto/api/resource.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';
import type { CustomResources } from '#server/apiserver/customresources/custom-resources.ts';
import type { Codec } from '#server/apiserver/rest/codec.ts';
import type { ServiceAllocator } from '#server/apiserver/services/service-allocator.ts';
import type { ServedKinds } from '#server/client/served-kinds.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import type { Store } from '#server/store/store.ts';

/** What the generic handlers work with. The same for HTTP, the in-process client and calls of boards. */
export interface Api {
  readonly store: Store;
  readonly resources: ResourceIndex;
  readonly custom: CustomResources;
  readonly strategyOf: (resource: Resource) => Strategy;
  readonly codec: Codec;
  readonly admission: readonly AdmissionPlugin[];
  readonly services: ServiceAllocator;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newUid: () => string;
  /** In [0, 1): for generated names. */
  readonly random: () => number;
}

export const randomSources = { newUid: (): string => randomUUID(), random: (): number => Math.random() };

/** One request to a resource, after authorization. */
export interface Call {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  /** `''` for collections. */
  readonly name: string;
  readonly subresource?: string | undefined;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  /** `fieldManager`, or the program's name from the user agent. */
  readonly manager: string;
  readonly warn: (message: string) => void;
  /** For the audit log. */
  readonly annotate?: (key: string, value: string) => void;
  /** What admission is told of the query: `fieldManager`, `fieldValidation`, `dryRun`. */
  readonly options?: object;
  /** What is written follows from a body that was admitted already: an Eviction, a Scale. */
  readonly admitted?: boolean;
  /** False: who owns which field is settled already, or not noted of a write like this one. */
  readonly tracks?: boolean;
}

/** The kinds that are served, by the parts of their path: those that are built in, and custom ones that come and go. */
export class ResourceIndex implements ServedKinds {
  readonly #builtin: readonly Resource[];
  readonly #listeners = new Set<() => void>();
  #all: readonly Resource[];
  #byPath: ReadonlyMap<string, Resource>;
  #groupVersions: ReadonlySet<string>;

  constructor(builtin: readonly Resource[]) {
    this.#builtin = builtin;
    this.#all = builtin;
    this.#byPath = byPathOf(builtin);
    this.#groupVersions = new Set(builtin.map(apiVersionOf));
  }

  get all(): readonly Resource[] {
    return this.#all;
  }

  find(group: string, version: string, plural: string): Resource | undefined {
    return this.#byPath.get(`${apiVersionOf({ group, version })}/${plural}`);
  }

  hasGroupVersion(group: string, version: string): boolean {
    return this.#groupVersions.has(apiVersionOf({ group, version }));
  }

  /** All custom kinds there are from now on. A kind that is built in stays what it is. */
  replaceCustom(custom: readonly Resource[]): void {
    const builtin = byPathOf(this.#builtin);
    this.#all = [...this.#builtin, ...custom.filter((resource) => !builtin.has(pathIdOf(resource)))];
    this.#byPath = byPathOf(this.#all);
    this.#groupVersions = new Set(this.#all.map(apiVersionOf));
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

const pathIdOf = (resource: Resource): string => `${apiVersionOf(resource)}/${resource.plural}`;

const byPathOf = (resources: readonly Resource[]): ReadonlyMap<string, Resource> =>
  new Map(resources.map((resource) => [pathIdOf(resource), resource]));
