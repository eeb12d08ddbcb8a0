import { customresourcedefinitions } from '#proto/api/apiextensions/customresourcedefinitions.ts';
import { apiVersionOf, type Resource } from '#proto/api/resource.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { GroupVersionKind } from '#proto/schema/schema.ts';
import type { ConversionDeps } from '#server/apiserver/customresources/conversion-webhook.ts';
import type { CustomVersion } from '#server/apiserver/customresources/custom-version.ts';
import { Definition } from '#server/apiserver/customresources/definition.ts';
import type { PublishedKind } from '#server/apiserver/openapi/custom-kind.ts';
import type { ResourceIndex } from '#server/apiserver/rest/api.ts';
import { prefixOf } from '#server/apiserver/rest/keys.ts';
import type { Entry, Store } from '#server/store/store.ts';

export interface CustomResourcesDeps extends ConversionDeps {
  readonly store: Store;
  /** Where custom kinds are put for everybody to find. */
  readonly index: ResourceIndex;
  readonly log: Logger;
}

/**
 * The custom kinds of the cluster, as the CustomResourceDefinitions in the store have them at this moment.
 * - Those that are there are in force before this is constructed, so before anything is served.
 * - A change is in force before the write that made it is answered.
 */
export class CustomResources {
  readonly #index: ResourceIndex;
  readonly #log: Logger;
  readonly #conversion: ConversionDeps;
  readonly #definitions = new Map<string, Definition>();
  readonly #byResource = new Map<string, CustomVersion>();
  readonly #byKind = new Map<string, CustomVersion>();
  readonly #end: () => void;
  #published: readonly PublishedKind[] | undefined;

  constructor({ store, index, log, ...conversion }: CustomResourcesDeps) {
    this.#index = index;
    this.#log = log;
    this.#conversion = conversion;
    const prefix = prefixOf(customresourcedefinitions);
    const { entries, revision } = store.range({ prefix });
    for (const entry of entries) this.#put(entry);
    if (entries.length > 0) this.#publish();
    this.#end = store.watch(
      { prefix, after: revision },
      {
        onEvent: ({ type, entry }) => {
          const changed = type === 'put' ? this.#put(entry) : this.#remove(entry);
          if (changed) this.#publish();
        },
      },
    );
  }

  close(): void {
    this.#end();
  }

  /** The version that a descriptor describes; undefined for built-in kinds and for what is no longer defined. */
  of({
    group,
    version,
    plural,
  }: {
    group: string;
    version: string;
    plural: string;
  }): CustomVersion | undefined {
    return this.#byResource.get(`${apiVersionOf({ group, version })}/${plural}`);
  }

  ofKind({ group, version, kind }: GroupVersionKind): CustomVersion | undefined {
    return this.#byKind.get(`${apiVersionOf({ group, version })}/${kind}`);
  }

  /** For OpenAPI: the same list while nothing has changed. */
  readonly published = (): readonly PublishedKind[] => {
    this.#published ??= [...this.#byResource.values()]
      .filter(({ served }) => served)
      .map((version) => ({
        resource: version.resource,
        get schema() {
          return version.schema as Record<string, unknown> | undefined;
        },
      }));
    return this.#published;
  };

  /** Answers whether anything changed for clients. */
  #put(entry: Entry): boolean {
    try {
      const known = this.#definitions.get(entry.key);
      const { terminating } = known ?? {};
      if (known?.follow(entry)) return known.terminating !== terminating;
      const next = Definition.of(entry, this.#conversion);
      if (next) this.#definitions.set(entry.key, next);
      else this.#definitions.delete(entry.key);
      this.#forget(known);
      for (const version of next?.versions ?? []) {
        const { group, plural, kind } = version.resource;
        this.#byResource.set(`${group}/${version.name}/${plural}`, version);
        this.#byKind.set(`${group}/${version.name}/${kind}`, version);
      }
      known?.retire();
      return known !== undefined || next !== undefined;
    } catch (err) {
      // Validation lets no such definition in; one that came in otherwise must not stop the server.
      this.#log.error('a CustomResourceDefinition can not be served', { key: entry.key, err });
      return false;
    }
  }

  #remove(entry: Entry): boolean {
    const known = this.#definitions.get(entry.key);
    if (!known) return false;
    this.#definitions.delete(entry.key);
    this.#forget(known);
    known.retire();
    return true;
  }

  #forget(definition: Definition | undefined): void {
    for (const map of [this.#byResource, this.#byKind])
      for (const [key, version] of map) if (version.definition === definition) map.delete(key);
  }

  #publish(): void {
    this.#published = undefined;
    const served: Resource[] = [];
    for (const definition of this.#definitions.values())
      for (const version of definition.versions) if (version.served) served.push(version.resource);
    this.#index.replaceCustom(served);
  }
}
