import type { Durability, Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { invalid } from '#proto/meta/status-error.ts';
import type { StatusCause } from '#proto/schema/generated/meta-v1.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { storedOf } from '#server/apiserver/rest/conversion.ts';
import { encodeObject, literalEntry } from '#server/apiserver/rest/entries.ts';
import { missing } from '#server/apiserver/rest/errors.ts';
import { storageKey } from '#server/apiserver/rest/keys.ts';
import type { Maybe } from '#server/apiserver/rest/maybe.ts';
import { loadCel } from '#server/cel/load.ts';
import type { Strategy, StrategyContext } from '#server/registry/strategy.ts';
import type { Entry } from '#server/store/store.ts';

export const keyOfCall = (call: Call, name = call.name): string =>
  storageKey(storedOf(call.resource), call.namespace, name);

/** The stored entry that a call names; 404 where there is none. Of a kind that is built in: see {@link readEntry}. */
export function requireEntry(api: Api, call: Call): Entry {
  const entry = api.store.get(keyOfCall(call));
  if (!entry) throw missing(call);
  return entry;
}

/** As {@link requireEntry}, of any kind: custom resources come in the version that the call names. */
export const readEntry = async (api: Api, call: Call): Promise<Entry> =>
  fromStore(api, call.resource, requireEntry(api, call));

/** A stored entry as the handlers work with it. */
export const fromStore = (api: Api, resource: Resource, entry: Entry): Maybe<Entry> =>
  api.custom.of(resource)?.present(entry) ?? entry;

export const contextOf = (api: Api, call: Call): StrategyContext => ({
  now: api.clock.now(),
  subresource: call.subresource,
  group: call.resource.group,
  user: call.user,
});

/** As {@link contextOf}, to validate an object: with the engine for expressions where its strategy asks for that. */
export const validationContext = async (
  api: Api,
  call: Call,
  strategy: Strategy,
  object: KubeObject,
): Promise<StrategyContext> => ({
  ...contextOf(api, call),
  warn: call.warn,
  ...(strategy.needsCel?.(object) ? { cel: await loadCel() } : {}),
});

/** 422 with every problem, if there is one. */
export function refuse(resource: Resource, name: string, problems: readonly StatusCause[]): void {
  if (problems.length > 0) throw invalid({ group: resource.group, kind: resource.kind }, name, [...problems]);
}

/**
 * How far a write must go before it is answered. Status that a node writes about itself or its Pods is
 * relaxed beside the kinds that say so: the agent writes it again after a power cut of the server, and a card
 * should not be worn by heartbeats.
 */
export function durabilityOf(call: Call): Durability {
  if (storedOf(call.resource).durability === 'relaxed') return 'relaxed';
  const isNode = call.user.groups.includes('system:nodes');
  return isNode && call.subresource === 'status' ? 'relaxed' : 'synced';
}

/** Writes `object`, or only pretends to on a dry run. `expected`: see `WriteRequest`. */
export async function save(api: Api, call: Call, object: KubeObject, expected: number): Promise<Entry> {
  const key = keyOfCall(call, object.metadata.name ?? call.name);
  const stored = (await api.custom.of(call.resource)?.store(object)) ?? object;
  if (call.dryRun) return literalEntry(object, key, expected);
  const entry = await api.store.put({
    key,
    expected,
    durability: durabilityOf(call),
    encode: (revision) => {
      object.metadata.resourceVersion = String(revision);
      stored.metadata.resourceVersion = String(revision);
      return encodeObject(stored);
    },
  });
  return stored === object ? entry : literalEntry(object, key, entry.revision);
}

/** Removes what is stored at `entry`; answers its last state, at the revision of the removal. */
export async function remove(api: Api, call: Call, entry: Entry, last: KubeObject): Promise<Entry> {
  if (call.dryRun) return literalEntry(last, entry.key, entry.revision);
  const at = (object: KubeObject, revision: number): KubeObject => ({
    ...object,
    metadata: { ...object.metadata, resourceVersion: String(revision) },
  });
  const stored = (await api.custom.of(call.resource)?.store(last)) ?? last;
  const removed = await api.store.delete({
    key: entry.key,
    expected: entry.revision,
    durability: durabilityOf(call),
    encode: (revision) => encodeObject(at(stored, revision)),
  });
  return stored === last ? removed : literalEntry(at(last, removed.revision), entry.key, removed.revision);
}
