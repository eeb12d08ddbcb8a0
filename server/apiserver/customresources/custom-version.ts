import { isDeepStrictEqual } from 'node:util';
import type { Resource } from '#proto/api/resource.ts';
import { isInputProblem } from '#proto/meta/decode/conform.ts';
import type { StrictErrors } from '#proto/meta/decode/strict.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { JsonObject } from '#proto/meta/own-property.ts';
import { internalError } from '#proto/meta/status-error.ts';
import type {
  CustomResourceDefinitionVersion,
  CustomResourceSubresourceScale,
  CustomResourceSubresources,
} from '#proto/schema/generated/apiextensions-v1.ts';
import type { Shape } from '#server/apiserver/apply/shape.ts';
import { customColumns } from '#server/apiserver/customresources/columns.ts';
import { describeVersion } from '#server/apiserver/customresources/definition.plan.ts';
import type { Definition } from '#server/apiserver/customresources/definition.ts';
import { selectableFields } from '#server/apiserver/customresources/selectable.ts';
import { shapeOfStructural } from '#server/apiserver/customresources/shape.ts';
import { customStrategy } from '#server/apiserver/customresources/strategy.ts';
import { literalEntry, objectOf } from '#server/apiserver/rest/entries.ts';
import { andThen, type Maybe } from '#server/apiserver/rest/maybe.ts';
import type { CelEngine } from '#server/cel/engine.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import type { Entry } from '#server/store/store.ts';
import { coerceEmbedded, readMetadata } from '#server/structural/coerce.ts';
import { applyDefaults } from '#server/structural/default.plan.ts';
import { Patterns } from '#server/structural/patterns.ts';
import { prune, pruneNulls } from '#server/structural/prune.plan.ts';
import { compileRules, hasRules, type RuleNode } from '#server/structural/rules.ts';
import type { Structural } from '#server/structural/schema.ts';

/**
 * One version of a custom kind, at one state of its definition. Its schema is parsed when first needed; handlers work
 * on objects of the version that a request names, and this brings them there from the store and back.
 */
export class CustomVersion {
  readonly definition: Definition;
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  #resource: Resource | undefined;
  #schema: readonly [Structural | undefined] | undefined;
  #subresources: CustomResourceSubresources | undefined;
  #strategy: Strategy | undefined;
  #shape: Shape | undefined;
  #hasRules: boolean | undefined;
  #rules: RuleNode | undefined;
  readonly patterns = new Patterns();
  /** Stored entries that are what a reader of this version should see. */
  readonly #plain = new WeakSet<Entry>();
  /** What a webhook has made of entries, for as long as somebody holds it: many watch the same events. */
  readonly #conversions = new WeakMap<Entry, WeakRef<Entry>>();

  constructor(definition: Definition, { name, served, storage }: CustomResourceDefinitionVersion) {
    this.definition = definition;
    this.name = name;
    this.served = served;
    this.storage = storage;
  }

  get apiVersion(): string {
    return `${this.definition.group}/${this.name}`;
  }

  /** What the definition says of this version. Read anew with each call: it is large, and its schema is what lasts. */
  #read(): CustomResourceDefinitionVersion {
    const spec = this.definition.read().spec.versions.find((version) => version.name === this.name);
    if (!spec) throw internalError(`no version ${this.name} of ${this.definition.name}`);
    return spec;
  }

  /** Undefined: nothing is specified. */
  get schema(): Structural | undefined {
    this.#schema ??= [this.#read().schema?.openAPIV3Schema];
    return this.#schema[0];
  }

  get hasRules(): boolean {
    this.#hasRules ??= hasRules(this.schema);
    return this.#hasRules;
  }

  /** The rules of the schema, compiled when first needed. */
  rules(cel: CelEngine): RuleNode | undefined {
    if (!this.hasRules || !this.schema) return undefined;
    this.#rules ??= compileRules(cel, this.schema, { isResourceRoot: true });
    return this.#rules;
  }

  get resource(): Resource {
    if (!this.#resource) {
      const spec = this.#read();
      const { additionalPrinterColumns, selectableFields: fields } = spec;
      const selectable = selectableFields(fields);
      this.#resource = {
        ...describeVersion(this.definition.read(), spec),
        columns: customColumns(additionalPrinterColumns),
        ...(selectable ? { selectableFields: selectable } : {}),
      };
    }
    return this.#resource;
  }

  /** Its conditions have changed, and with them the verbs. */
  describeAnew(): void {
    this.#resource = undefined;
  }

  get strategy(): Strategy {
    this.#strategy ??= customStrategy(this);
    return this.#strategy;
  }

  get shape(): Shape {
    this.#shape ??= shapeOfStructural(this.schema);
    return this.#shape;
  }

  get subresources(): CustomResourceSubresources {
    this.#subresources ??= this.#read().subresources ?? {};
    return this.#subresources;
  }

  get scale(): CustomResourceSubresourceScale | undefined {
    return this.subresources.scale;
  }

  /** Does `status` have an endpoint of its own? */
  get hasStatus(): boolean {
    return this.subresources.status !== undefined;
  }

  /**
   * A body of this version: metadata checked, what the schema does not specify reported and dropped. In place.
   * Throws what `isInputProblem` knows, and StatusErrors.
   */
  read(object: JsonObject, strict: StrictErrors | undefined): void {
    const unknown: string[] | undefined = strict && [];
    object['metadata'] = readMetadata(object['metadata'] ?? {}, unknown);
    this.#prune(object, unknown);
    coerceEmbedded(object, this.schema, { drop: false, unknown });
    for (const path of unknown ?? []) strict?.unknown(path);
  }

  applyDefaults(object: object): void {
    applyDefaults(object, this.schema);
  }

  #prune(object: object, unknown?: string[]): void {
    if (this.definition.preservesUnknown) return;
    prune(object, this.schema, { unknown });
    pruneNulls(object, this.schema);
  }

  /** A stored entry as a reader of this version sees it: pruned and completed as the schema of now says, converted. */
  present(entry: Entry): Maybe<Entry> {
    return andThen(this.presentAll([entry]), ([only]) => only as Entry);
  }

  /** As {@link present}, with one call of the conversion webhook for all that need one. */
  presentAll(entries: readonly Entry[]): Maybe<readonly Entry[]> {
    const result = entries.map((entry) => this.#presentHere(entry));
    const waiting = result.flatMap((one, i) => ('object' in one ? [] : [{ ...one, i }]));
    if (waiting.length === 0) return result as readonly Entry[];
    const converted = this.definition.convert(
      waiting.map(({ draft }) => draft),
      this.apiVersion,
    );
    return converted.then((objects) => {
      for (const [n, { i }] of waiting.entries()) {
        const object = objects[n] as KubeObject;
        this.#prune(object);
        result[i] = this.#converted(entries[i] as Entry, object);
      }
      return result as readonly Entry[];
    });
  }

  /** The entry, or the object that a webhook has to convert. */
  #presentHere(entry: Entry): Entry | { readonly draft: KubeObject } {
    if (this.#isPlain(entry)) return entry;
    const known = this.#conversions.get(entry)?.deref();
    if (known) return known;
    const stored = objectOf(entry);
    const from = this.definition.versionOf(stored.apiVersion);
    const object = structuredClone(stored);
    (from ?? this).#repair(object);
    object.metadata.resourceVersion = String(entry.revision);
    if (from === this) {
      if (!isDeepStrictEqual(object, stored)) return literalEntry(object, entry.key, entry.revision);
      this.#plain.add(entry);
      return entry;
    }
    if (from && this.definition.hasWebhook) return { draft: object };
    object.apiVersion = this.apiVersion;
    this.#prune(object);
    return this.#converted(entry, object);
  }

  #converted(entry: Entry, object: KubeObject): Entry {
    const converted = literalEntry(object, entry.key, entry.revision);
    if (this.definition.hasWebhook) this.#conversions.set(entry, new WeakRef(converted));
    return converted;
  }

  #isPlain(entry: Entry): boolean {
    return (this.storage && entry.revision > this.definition.since) || this.#plain.has(entry);
  }

  /** What an older schema, or none, let into the store. */
  #repair(object: KubeObject): void {
    try {
      object.metadata = readMetadata(object.metadata) as KubeObject['metadata'];
    } catch (err) {
      if (!isInputProblem(err)) throw err;
    }
    this.#prune(object);
    coerceEmbedded(object, this.schema, { drop: true });
    object.metadata.generation ||= 1;
    applyDefaults(object, this.schema);
  }

  /** An object of this version as one of another: a private copy. */
  convertTo(other: CustomVersion, object: KubeObject): Maybe<KubeObject> {
    const draft = structuredClone(object);
    if (other === this) return draft;
    const finish = (converted: KubeObject): KubeObject => {
      converted.apiVersion = other.apiVersion;
      other.#prune(converted);
      return converted;
    };
    if (!this.definition.hasWebhook) return finish(draft);
    return this.definition
      .convert([draft], other.apiVersion)
      .then(([converted]) => finish(converted as KubeObject));
  }

  /** An object of this version in the form that is stored. */
  store(object: KubeObject): Maybe<KubeObject> {
    const { storageVersion, hasWebhook } = this.definition;
    if (storageVersion === this) return object;
    const finish = (stored: KubeObject): KubeObject => {
      stored.apiVersion = storageVersion.apiVersion;
      storageVersion.#prune(stored);
      applyDefaults(stored, storageVersion.schema);
      return stored;
    };
    const draft = structuredClone(object);
    if (!hasWebhook) return finish(draft);
    return this.definition
      .convert([draft], storageVersion.apiVersion)
      .then(([converted]) => finish(converted as KubeObject));
  }
}
