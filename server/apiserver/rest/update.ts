import { apiVersionOf } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { invalid } from '#proto/meta/status-error.ts';
import { Admission } from '#server/apiserver/rest/admit.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { presentEntry, storedOf, toStored } from '#server/apiserver/rest/conversion.ts';
import { createObject } from '#server/apiserver/rest/create.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { isSpecChanged, isUnchanged } from '#server/apiserver/rest/equal.ts';
import { stale } from '#server/apiserver/rest/errors.ts';
import { keepIdentity, settleName, settleNamespace } from '#server/apiserver/rest/metadata.ts';
import { noteUpdate } from '#server/apiserver/rest/ownership.ts';
import { onlyPart } from '#server/apiserver/rest/parts.ts';
import {
  countsGenerations,
  hasStatus,
  isCreatedByPut,
  isNamespaces,
  needsRevision,
  takesKubeFinalizers,
} from '#server/apiserver/rest/traits.ts';
import {
  keyOfCall,
  readEntry,
  refuse,
  remove,
  save,
  validationContext,
} from '#server/apiserver/rest/write.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from '#server/registry/validation/object-meta.ts';
import { type Entry, RevisionMismatch } from '#server/store/store.ts';

const UNCONDITIONAL = {
  reason: 'FieldValueInvalid',
  message: 'Invalid value: 0: must be specified for an update',
  field: 'metadata.resourceVersion',
};

/** How often a change that names no revision is tried on a newer object before the client hears of it. */
const ATTEMPTS = 5;

export interface Updated {
  readonly entry: Entry;
  /** True where a PUT made the object (201). */
  readonly created: boolean;
}

/** PUT: the decoded body, a private copy, replaces the object, or its part that the subresource is. */
export async function replaceObject(api: Api, call: Call, body: KubeObject): Promise<Updated> {
  settleName(call, body);
  settleNamespace(call, body);
  const stored = storedOf(call.resource);
  if (!call.subresource && isCreatedByPut(stored) && !api.store.get(keyOfCall(call))) {
    delete body.metadata.resourceVersion;
    return { entry: await createObject(api, call, body), created: true };
  }
  if (!body.metadata.resourceVersion && needsRevision(stored, api.strategyOf(stored))) {
    await readEntry(api, call);
    throw invalid({ group: call.resource.group, kind: call.resource.plural }, call.name, [UNCONDITIONAL]);
  }
  const entry = await changeObject(api, call, () => toStored(call.resource, structuredClone(body)));
  return { entry: presentEntry(call.resource, entry), created: false };
}

/**
 * Read, change, write, until nobody came between or the change itself names a revision. `change` gets the stored
 * object, shared, and answers a private copy; a `resourceVersion` in it must match. Answers the stored entry.
 */
export async function changeObject(
  api: Api,
  call: Call,
  change: (old: KubeObject) => KubeObject | Promise<KubeObject>,
): Promise<Entry> {
  for (let attempt = 1; ; attempt++) {
    const entry = await readEntry(api, call);
    const old = objectOf(entry);
    const next = await change(old);
    const named = next.metadata.resourceVersion;
    // Zero asks for nothing, as in Go.
    if (named && named !== '0' && named !== String(entry.revision)) throw stale(call);
    const { uid } = next.metadata;
    if (uid && uid !== old.metadata.uid) {
      throw stale(
        call,
        `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
      );
    }
    try {
      return await writeChange(api, call, entry, next);
    } catch (err) {
      if (!(err instanceof RevisionMismatch)) throw err;
      // Where the change was computed from `old`, it carries its revision without having asked for it; so all
      // are tried again, and a named one fails above.
      if (attempt === ATTEMPTS) throw stale(call);
    }
  }
}

async function writeChange(api: Api, call: Call, entry: Entry, changed: KubeObject): Promise<Entry> {
  const stored = storedOf(call.resource);
  const strategy = api.strategyOf(stored);
  const old = objectOf(entry);
  let next = settle(api, call, changed, old);
  if (call.tracks !== false) noteUpdate(api, call, next, old);
  const { managedFields } = next.metadata;
  const admission = new Admission(api, call, { operation: 'UPDATE', object: next, oldObject: old });
  const admitted = (await admission.mutate()) ?? next;
  // A webhook may have touched what this write must leave alone.
  if (admitted !== next) {
    next = settle(api, call, admitted, old);
    if (managedFields) next.metadata.managedFields = managedFields;
  }
  const context = { ...(await validationContext(api, call, strategy, next)), old };
  strategy.prepareForUpdate?.(next, old, context);
  // To be put on a node is nothing that a Pod's writer asked for: upstream stores a binding past the Pod's strategy.
  if (countsGenerations(stored, strategy) && call.subresource !== 'binding' && isSpecChanged(next, old)) {
    next.metadata.generation = (old.metadata.generation ?? 0) + 1;
  }
  const reservation = api.services.reserve(stored, next, old);
  try {
    refuse(stored, call.name, [
      ...validateObjectMeta(next.metadata, {
        namespaced: stored.namespaced,
        nameRule: strategy.nameRule,
        kubeFinalizers: takesKubeFinalizers(stored),
      }),
      ...validateObjectMetaUpdate(next.metadata, old.metadata),
      ...(strategy.validate?.(next, context) ?? []),
      ...(strategy.validateUpdate?.(next, old, context) ?? []),
    ]);
    await admission.validate(next);
    for (const warning of strategy.warnings?.(next, old) ?? []) call.warn(warning);
    const written = await commit(api, call, entry, next);
    reservation.settle(!call.dryRun);
    return written;
  } catch (err) {
    reservation.settle(false);
    throw err;
  }
}

/** What this write may change, and the rest as it was; with defaults. */
function settle(api: Api, call: Call, changed: KubeObject, old: KubeObject): KubeObject {
  const stored = storedOf(call.resource);
  const strategy = api.strategyOf(stored);
  const next = onlyPart(call.subresource, changed, old, hasStatus(stored, strategy));
  settleName(call, next);
  settleNamespace(call, next);
  keepIdentity(next, old);
  Object.assign(next, { apiVersion: apiVersionOf(stored), kind: stored.kind });
  api.codec.applyDefaults(next, stored);
  strategy.applyDefaults?.(next);
  return next;
}

async function commit(api: Api, call: Call, entry: Entry, next: KubeObject): Promise<Entry> {
  const old = objectOf(entry);
  if (isGone(call, next)) return remove(api, call, entry, next);
  if (isUnchanged(next, old)) return entry;
  return save(api, call, next, entry.revision);
}

/** The last finalizer of an object on its way out has been removed: nothing holds it any more. */
function isGone(call: Call, object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata;
  if (!deletionTimestamp || (deletionGracePeriodSeconds ?? 0) > 0 || (finalizers ?? []).length > 0)
    return false;
  return !isNamespaces(call.resource) || heldBy(object).length === 0;
}

const heldBy = (namespace: KubeObject): readonly string[] =>
  (namespace as { spec?: { finalizers?: string[] } }).spec?.finalizers ?? [];
