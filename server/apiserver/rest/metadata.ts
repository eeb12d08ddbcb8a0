import { invalidValue } from '#proto/meta/field-error.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { badRequest, invalid } from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';

/** Vowels and look-alikes are left out, so that no word appears. Rule: apimachinery `util/rand`. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX = 5;
const MAX_GENERATED = 63 - SUFFIX;

export function generateName(base: string, random: () => number): string {
  let suffix = '';
  for (let i = 0; i < SUFFIX; i++) suffix += ALPHABET[Math.floor(random() * ALPHABET.length)];
  return base.slice(0, MAX_GENERATED) + suffix;
}

/** The namespace in the body must be that of the path, or absent. */
export function settleNamespace(call: Call, object: KubeObject): void {
  const given = object.metadata.namespace;
  if (!call.resource.namespaced) {
    if (given) throw badRequest('namespace is not allowed on this type');
    return;
  }
  if (given && given !== call.namespace) {
    throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
  }
  object.metadata.namespace = call.namespace;
}

/** The name in the body must be that of the path, or absent. */
export function settleName(call: Call, object: KubeObject): void {
  const given = object.metadata.name;
  if (given && given !== call.name) {
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${call.name})`);
  }
  object.metadata.name = call.name;
}

/** What a new object gets, whatever its body says. */
export function stampNew(api: Api, object: KubeObject): void {
  const meta = object.metadata;
  delete meta.selfLink;
  delete meta.deletionTimestamp;
  delete meta.deletionGracePeriodSeconds;
  delete meta.resourceVersion;
  delete meta.generation;
  meta.uid = api.newUid();
  meta.creationTimestamp = timestamp(api.clock.now());
}

/** What an update can't change. */
export function keepIdentity(object: KubeObject, old: KubeObject): void {
  const meta = object.metadata;
  delete meta.selfLink;
  const { uid, creationTimestamp, resourceVersion } = old.metadata;
  const { deletionTimestamp, deletionGracePeriodSeconds, generation } = old.metadata;
  // The revision that this replaces: it has been compared before, and the write sets the next.
  Object.assign(meta, { uid, creationTimestamp, resourceVersion });
  if (generation === undefined) delete meta.generation;
  else meta.generation = generation;
  // Left out is left alone; another value is for validation to refuse.
  if (meta.deletionTimestamp === undefined && deletionTimestamp) meta.deletionTimestamp = deletionTimestamp;
  if (meta.deletionGracePeriodSeconds === undefined && deletionGracePeriodSeconds !== undefined)
    meta.deletionGracePeriodSeconds = deletionGracePeriodSeconds;
}

/** A patch that names another uid wants to change it; of a PUT it would be a precondition. */
export function keepUid(call: Call, patched: KubeObject, { metadata }: KubeObject): void {
  const { uid } = patched.metadata;
  if (!uid || uid === metadata.uid) return;
  throw invalid({ group: call.resource.group, kind: call.resource.kind }, call.name, [
    invalidValue('metadata.uid', uid, 'field is immutable'),
  ]);
}

/** 400 for a body that does not say whose it is: its name must be that of the path. */
export function requireName(call: Call, object: KubeObject): void {
  if (!object.metadata?.name)
    throw badRequest(
      `the name of the object (${call.name} based on URL) was undeterminable: name must be provided`,
    );
  settleName(call, object);
}
