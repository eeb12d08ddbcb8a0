import { apiVersionOf } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Target } from '#server/apiserver/apply/apply-object.ts';
import type { FieldTree } from '#server/apiserver/apply/field-tree.ts';
import { type Manager, trackUpdate } from '#server/apiserver/apply/managed-fields.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { presentEntry, storedOf } from '#server/apiserver/rest/conversion.ts';
import { literalEntry, objectOf } from '#server/apiserver/rest/entries.ts';
import { hasStatus } from '#server/apiserver/rest/traits.ts';

/** In whose name a call writes. */
export const managerOfCall = (api: Api, call: Call, operation: Manager['operation']): Manager => ({
  name: call.manager || 'unknown',
  operation,
  apiVersion: apiVersionOf(call.resource),
  subresource: call.subresource,
  // Upstream notes no time of a scale.
  time: call.subresource === 'scale' ? undefined : timestamp(api.clock.now()),
});

/**
 * Notes in `next`, a stored object in the making, who owns what after an ordinary write. In the version of the call:
 * that is what its manager has spoken of.
 */
export function noteUpdate(api: Api, call: Call, next: KubeObject, old: KubeObject | undefined): void {
  const { resource } = call;
  const shown = (object: KubeObject): KubeObject => objectOf(presentEntry(resource, literalEntry(object)));
  const after = shown(next);
  trackUpdate(
    after,
    old && shown(old),
    api.codec.zeroOf(resource),
    api.codec.shapeOf(resource),
    managerOfCall(api, call, 'Update'),
  );
  const { managedFields } = after.metadata;
  if (managedFields) next.metadata.managedFields = managedFields;
  else delete next.metadata.managedFields;
}

const STATUS: FieldTree = { 'f:status': {} };
const SPEC: FieldTree = { 'f:spec': {} };

/** What server-side apply has to know of the kind of a call. */
export function applyTarget(api: Api, call: Call): Target {
  const { resource, subresource } = call;
  const stored = storedOf(resource);
  const main = hasStatus(stored, api.strategyOf(stored)) ? STATUS : undefined;
  return {
    kind: resource,
    shape: api.codec.shapeOf(resource),
    zero: api.codec.zeroOf(resource),
    reset: subresource === undefined ? main : subresource === 'status' ? SPEC : undefined,
  };
}
