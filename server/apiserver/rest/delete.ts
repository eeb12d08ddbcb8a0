import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { conflict, type StatusError } from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { DeleteOptions } from '#proto/schema/generated/meta-v1.ts';
import { Admission } from '#server/apiserver/rest/admit.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { presentEntry, storedOf } from '#server/apiserver/rest/conversion.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { stale } from '#server/apiserver/rest/errors.ts';
import { type ListPage, type ListQuery, listEntries } from '#server/apiserver/rest/list.ts';
import { isNamespaces, isPods, orphansByDefault } from '#server/apiserver/rest/traits.ts';
import { contextOf, readEntry, remove, save } from '#server/apiserver/rest/write.ts';
import { type Entry, RevisionMismatch } from '#server/store/store.ts';

/** A busy object changes under a delete: try on what it has become. */
const ATTEMPTS = 8;

const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';

export interface Deleted {
  /** The last state, or the state that waits for finalizers or its grace to end. */
  readonly entry: Entry;
  readonly gone: boolean;
}

/**
 * Deletes, or marks for deletion where a grace period runs or finalizers hold the object. Idempotent while it waits;
 * a second delete may only shorten the grace.
 */
export async function deleteObject(api: Api, call: Call, options: DeleteOptions): Promise<Deleted> {
  for (let attempt = 1; ; attempt++) {
    const entry = await readEntry(api, call);
    checkPreconditions(call, entry, options);
    const admission = new Admission(api, call, { operation: 'DELETE', oldObject: objectOf(entry), options });
    await admission.mutate();
    await admission.validate();
    try {
      const deleted = await deleteOnce(api, call, entry, options);
      return { ...deleted, entry: presentEntry(call.resource, deleted.entry) };
    } catch (err) {
      if (!(err instanceof RevisionMismatch)) throw err;
      if (attempt === ATTEMPTS) throw stale(call);
    }
  }
}

/** Deletes what a list would show; answers that list. */
export async function deleteCollection(
  api: Api,
  call: Call,
  query: ListQuery,
  options: DeleteOptions,
): Promise<ListPage> {
  const page = await listEntries(api, call.resource, call.namespace, query);
  for (const entry of page.entries) {
    const { name, namespace } = objectOf(entry).metadata;
    try {
      await deleteObject(api, { ...call, name: name ?? '', namespace }, options);
    } catch (err) {
      if (!isMissing(err)) throw err;
    }
  }
  return page;
}

const isMissing = (err: unknown): boolean => (err as { reason?: unknown }).reason === 'NotFound';

function checkPreconditions(call: Call, entry: Entry, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const meta = objectOf(entry).metadata;
  if (uid && uid !== meta.uid) {
    throw changed(
      call,
      `the UID in the precondition (${uid}) does not match the UID in record (${meta.uid}). The object might have been deleted and then recreated`,
    );
  }
  if (resourceVersion && resourceVersion !== String(entry.revision)) {
    throw changed(
      call,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${entry.revision}). The object might have been modified`,
    );
  }
}

/** Of a delete's preconditions; it names the kind, not the resource. Rule: `rest.BeforeDelete`. */
const changed = ({ resource, name }: Call, why: string): StatusError =>
  conflict({ group: resource.group, resource: resource.kind }, name, why);

async function deleteOnce(api: Api, call: Call, entry: Entry, options: DeleteOptions): Promise<Deleted> {
  const stored = storedOf(call.resource);
  const old = objectOf(entry);
  const object = structuredClone(old);
  const { metadata } = object;
  if (!metadata.deletionTimestamp) api.strategyOf(stored).prepareForDelete?.(object, contextOf(api, call));
  const grace = graceOf(api, stored, old, options);
  const finalizers = finalizersFor(stored, object, options);
  const waits = grace > 0 || finalizers.length > 0 || holds(stored, object);

  if (finalizers.length > 0) metadata.finalizers = finalizers;
  else delete metadata.finalizers;

  if (!waits) {
    // What could have had a grace shows that it had none.
    if (api.strategyOf(stored).defaultGraceSeconds?.(old) !== undefined)
      stampDeletion(metadata, api.clock.now());
    const last = await remove(api, call, entry, object);
    if (!call.dryRun) api.services.release(stored, old);
    return { entry: last, gone: true };
  }
  const now = api.clock.now();
  if (!metadata.deletionTimestamp) {
    if (metadata.generation) metadata.generation += 1;
    metadata.deletionTimestamp = timestamp(now + grace * 1000);
    metadata.deletionGracePeriodSeconds = grace;
  } else if (grace < (metadata.deletionGracePeriodSeconds ?? 0)) {
    // The wait began earlier: what is left of it counts from then.
    const began = Date.parse(metadata.deletionTimestamp) - (metadata.deletionGracePeriodSeconds ?? 0) * 1000;
    metadata.deletionTimestamp = timestamp(grace === 0 ? now : Math.max(began + grace * 1000, now));
    metadata.deletionGracePeriodSeconds = grace;
  } else if (sameFinalizers(old, finalizers) && !isNamespaces(stored)) {
    return { entry, gone: false };
  }
  if (isNamespaces(stored)) Object.assign(object, { status: { ...statusOf(object), phase: 'Terminating' } });
  if (JSON.stringify(object) === JSON.stringify(old)) return { entry, gone: false };
  return { entry: await save(api, call, object, entry.revision), gone: false };
}

function stampDeletion(metadata: KubeObject['metadata'], now: number): void {
  if (!metadata.deletionTimestamp && metadata.generation) metadata.generation += 1;
  metadata.deletionTimestamp = timestamp(now);
  metadata.deletionGracePeriodSeconds = 0;
}

/** Seconds that the object stays; 0 for kinds and objects without a graceful end. */
function graceOf(api: Api, stored: Resource, object: KubeObject, options: DeleteOptions): number {
  if (isPods(stored)) {
    const { spec, status } = object as Pod;
    // Nobody runs it, so nobody has to stop it.
    if (!spec.nodeName || status?.phase === 'Succeeded' || status?.phase === 'Failed') return 0;
  }
  const byDefault = api.strategyOf(stored).defaultGraceSeconds?.(object);
  if (byDefault === undefined) return 0;
  const wanted = Math.max(options.gracePeriodSeconds ?? byDefault, 0);
  const { deletionTimestamp, deletionGracePeriodSeconds } = object.metadata;
  // Asked again: never longer than what runs already.
  return deletionTimestamp ? Math.min(wanted, deletionGracePeriodSeconds ?? 0) : wanted;
}

function finalizersFor(stored: Resource, object: KubeObject, options: DeleteOptions): string[] {
  const has = object.metadata.finalizers ?? [];
  const others = has.filter((f) => f !== ORPHAN && f !== FOREGROUND);
  const policy =
    options.propagationPolicy ??
    (options.orphanDependents === undefined ? undefined : options.orphanDependents ? 'Orphan' : 'Background');
  switch (policy) {
    case 'Orphan':
      return [...others, ORPHAN];
    case 'Foreground':
      return [...others, FOREGROUND];
    case 'Background':
      return others;
    default:
      if (has.includes(ORPHAN) || has.includes(FOREGROUND)) return [...has];
      return orphansByDefault(stored) ? [...others, ORPHAN] : others;
  }
}

/** A namespace waits until its content is gone, which its own finalizer stands for. */
const holds = (stored: Resource, object: KubeObject): boolean =>
  isNamespaces(stored) &&
  ((object as { spec?: { finalizers?: string[] } }).spec?.finalizers ?? []).length > 0;

const statusOf = (object: KubeObject): object => (object as { status?: object }).status ?? {};

const sameFinalizers = (object: KubeObject, finalizers: readonly string[]): boolean =>
  (object.metadata.finalizers ?? []).join() === finalizers.join();
