import type { Amounts } from '#proto/api/core/amounts.ts';
import { pods } from '#proto/api/core/pods.ts';
import { resourcequotas } from '#proto/api/core/resourcequotas.ts';
import type { Resource } from '#proto/api/resource.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { addQuantities, canonicalQuantity, compareQuantities } from '#proto/meta/quantity.ts';
import type { Pod, ResourceQuota } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { isAbout, refused } from '#server/apiserver/admission/refuse.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import { isInScope } from '#server/quota/scopes.plan.ts';
import { masked, requestedOf, unspecifiedIn, usedOf } from '#server/quota/usage.plan.ts';

/** A write that was let through and is not in the store after so long has failed. */
const LANDED_MS = 10_000;
/** Never stored, or not counted upstream either. */
const UNCOUNTED = ['bindings', 'events', 'localsubjectaccessreviews'];

interface Granted {
  readonly object: KubeObject;
  readonly untilMs: number;
}

/**
 * Refuses what would take more than a ResourceQuota of the namespace allows. Usage is counted from the store, and what was
 * let through counts from that moment until its write is there: counting and granting happen without a pause between,
 * so writes side by side can't exceed together. Rule: upstream's `ResourceQuota` admission.
 */
export class ResourceQuotaAdmission implements AdmissionPlugin {
  readonly name = 'ResourceQuota';
  readonly #reader: ObjectReader;
  readonly #clock: Clock;
  /** By kind, then by `namespace/name`. */
  readonly #granted = new Map<string, Map<string, Granted>>();

  constructor(reader: ObjectReader, clock: Clock) {
    this.#reader = reader;
    this.#clock = clock;
  }

  validate(attributes: AdmissionAttributes): void {
    const { resource, namespace, object, oldObject } = attributes;
    if (namespace === undefined || !object || !isCounted(attributes)) return;
    const quotas = this.#reader.list(resourcequotas, namespace);
    if (quotas.length === 0) return;
    const now = this.#clock.now();
    let isCharged = false;
    for (const quota of quotas) {
      const requested = requestedOf(quota, resource, object, oldObject, now);
      const names = Object.keys(requested);
      if (isAbout(attributes, pods) && !oldObject && isInScope(quota, resource, object))
        checkSpecified(attributes, quota);
      if (names.length === 0) continue;
      isCharged = true;
      const used = usedOf(quota, resource, this.#objects(resource, namespace, now), now);
      const over = names.filter((name) => isOver(quota, name, used[name], requested[name]));
      if (over.length > 0) throw exceeded(attributes, quota, { requested, used, over });
    }
    if (isCharged && !attributes.dryRun) this.#grant(attributes, object, now);
  }

  /** What is there, and what is about to be. */
  #objects(resource: Resource, namespace: string, now: number): KubeObject[] {
    const granted = this.#granted.get(idOf(resource));
    const objects = new Map<string, KubeObject>();
    for (const object of this.#reader.list(resource, namespace))
      objects.set(object.metadata.name ?? '', object);
    for (const [key, { object, untilMs }] of granted ?? []) {
      if (untilMs <= now) granted?.delete(key);
      else if (key.startsWith(`${namespace}/`)) objects.set(key.slice(namespace.length + 1), object);
    }
    return [...objects.values()];
  }

  #grant(
    { resource, namespace, name, operation }: AdmissionAttributes,
    object: KubeObject,
    now: number,
  ): void {
    // The name is taken: the write will fail, and nothing will show that it did.
    if (operation === 'CREATE' && this.#reader.get(resource, namespace, name)) return;
    let granted = this.#granted.get(idOf(resource));
    if (!granted) {
      const fresh = new Map<string, Granted>();
      this.#granted.set(idOf(resource), fresh);
      this.#reader.follow(resource, ({ metadata }) => {
        if (fresh.size > 0) fresh.delete(`${metadata.namespace}/${metadata.name}`);
      });
      granted = fresh;
    }
    granted.set(`${namespace}/${name}`, { object, untilMs: now + LANDED_MS });
  }
}

const idOf = ({ group, plural }: Resource): string => `${plural}.${group}`;

const isCounted = ({ resource, subresource, operation }: AdmissionAttributes): boolean =>
  (subresource === undefined || (subresource === 'resize' && resource.plural === pods.plural)) &&
  (operation === 'CREATE' || operation === 'UPDATE') &&
  !UNCOUNTED.includes(resource.plural);

const isOver = (quota: ResourceQuota, name: string, used = '0', requested = '0'): boolean =>
  compareQuantities(addQuantities(used, requested), quota.spec.hard?.[name] ?? '0') > 0;

function checkSpecified(attributes: AdmissionAttributes, quota: ResourceQuota): void {
  const missing = unspecifiedIn(quota, attributes.object as Pod);
  if (missing.length > 0)
    throw refused(attributes, `failed quota: ${quota.metadata.name}: must specify ${missing.join('; ')}`);
}

function exceeded(
  attributes: AdmissionAttributes,
  { metadata, spec }: ResourceQuota,
  { requested, used, over }: { requested: Amounts; used: Amounts; over: readonly string[] },
) {
  const show = (amounts: Amounts): string =>
    Object.entries(masked(amounts, over))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, amount]) => `${name}=${canonicalQuantity(amount)}`)
      .join(',');
  return refused(
    attributes,
    `exceeded quota: ${metadata.name}, requested: ${show(requested)}, used: ${show(used)}, limited: ${show(spec.hard ?? {})}`,
  );
}
