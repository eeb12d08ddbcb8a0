import type { KubeObject } from '#proto/meta/object.ts';
import { internalError } from '#proto/meta/status-error.ts';
import type { CustomResourceDefinition } from '#proto/schema/generated/apiextensions-v1.ts';
import {
  type ConversionDeps,
  convertByWebhook,
} from '#server/apiserver/customresources/conversion-webhook.ts';
import { CustomVersion } from '#server/apiserver/customresources/custom-version.ts';
import { isConditionTrue } from '#server/apiserver/customresources/definition.plan.ts';
import { compareVersions } from '#server/apiserver/discovery/version-order.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import type { Entry } from '#server/store/store.ts';

/**
 * A CustomResourceDefinition that is in force. It holds the stored bytes and a few names; what else it says is read
 * when somebody asks. A change of what it says makes a new one and retires this.
 */
export class Definition {
  readonly name: string;
  readonly group: string;
  readonly uid: string;
  readonly preservesUnknown: boolean;
  /** Objects of one version become those of another by a call, not by their name alone. */
  readonly hasWebhook: boolean;
  /** Storage version first, then in the order of preference. */
  readonly versions: readonly CustomVersion[];
  readonly storageVersion: CustomVersion;
  /** Revision from which on everything of this kind was written under this definition. */
  readonly since: number;
  readonly #deps: ConversionDeps;
  readonly #fingerprint: string;
  readonly #retired = new Set<() => void>();
  #entry: Entry;
  #terminating: boolean;

  /** Undefined for a definition that serves nothing (yet). */
  static of(entry: Entry, deps: ConversionDeps): Definition | undefined {
    const definition = objectOf(entry) as CustomResourceDefinition;
    return isConditionTrue(definition, 'Established') ? new Definition(entry, definition, deps) : undefined;
  }

  private constructor(entry: Entry, definition: CustomResourceDefinition, deps: ConversionDeps) {
    const { metadata, spec } = definition;
    this.#deps = deps;
    this.hasWebhook = spec.conversion?.strategy === 'Webhook';
    this.name = metadata.name ?? '';
    this.uid = metadata.uid ?? '';
    this.group = spec.group;
    this.preservesUnknown = spec.preserveUnknownFields ?? false;
    this.since = entry.revision;
    this.#entry = entry;
    this.#fingerprint = fingerprintOf(definition);
    this.#terminating = isConditionTrue(definition, 'Terminating');
    const versions = spec.versions
      .filter(({ served, storage }) => served || storage)
      .map((version) => new CustomVersion(this, version));
    this.versions = versions.sort(
      (a, b) => Number(b.storage) - Number(a.storage) || compareVersions(a.name, b.name),
    );
    this.storageVersion = versions[0] as CustomVersion;
  }

  /** The whole definition, shared for as long as somebody holds it. */
  read(): CustomResourceDefinition {
    return objectOf(this.#entry) as CustomResourceDefinition;
  }

  /** Has objects converted by the kind's webhook. Private copies go in; rejects with a StatusError. */
  async convert(objects: readonly KubeObject[], apiVersion: string): Promise<KubeObject[]> {
    const webhook = this.read().spec.conversion?.webhook;
    if (!webhook) throw internalError(`${this.name} has no conversion webhook`);
    return convertByWebhook(this.#deps, webhook, objects, apiVersion);
  }

  /** All objects are being deleted: no new ones. */
  get terminating(): boolean {
    return this.#terminating;
  }

  versionOf(apiVersion: string | undefined): CustomVersion | undefined {
    return this.versions.find((version) => version.apiVersion === apiVersion);
  }

  /** Takes a later state in, where it says the same of the kind; false where a new definition must take over. */
  follow(entry: Entry): boolean {
    const definition = objectOf(entry) as CustomResourceDefinition;
    if (!isConditionTrue(definition, 'Established') || fingerprintOf(definition) !== this.#fingerprint)
      return false;
    this.#entry = entry;
    const terminating = isConditionTrue(definition, 'Terminating');
    if (terminating !== this.#terminating) {
      this.#terminating = terminating;
      for (const version of this.versions) version.describeAnew();
    }
    return true;
  }

  /** Calls back once when this definition is no longer in force: watches end. Returns the function that forgets it. */
  onRetired(listener: () => void): () => void {
    this.#retired.add(listener);
    return () => void this.#retired.delete(listener);
  }

  retire(): void {
    const listeners = [...this.#retired];
    this.#retired.clear();
    for (const listener of listeners) listener();
  }
}

/** The generation counts changes of the spec; names are accepted in the status. */
const fingerprintOf = ({ metadata, status }: CustomResourceDefinition): string =>
  JSON.stringify([metadata.uid, metadata.generation, status?.acceptedNames]);
