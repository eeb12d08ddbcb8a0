import { apiVersionOf } from '#proto/api/resource.ts';
import { invalidValue } from '#proto/meta/field-error.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { badRequest, internalError, invalid } from '#proto/meta/status-error.ts';
import type { Scale } from '#proto/schema/generated/autoscaling-v1.ts';
import { applyIntent, readIntent } from '#server/apiserver/apply/apply-object.ts';
import { Admission } from '#server/apiserver/rest/admit.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { stale } from '#server/apiserver/rest/errors.ts';
import { applyTarget, managerOfCall } from '#server/apiserver/rest/ownership.ts';
import type { PatchRequest } from '#server/apiserver/rest/patch.ts';
import { changeObject } from '#server/apiserver/rest/update.ts';
import { readEntry } from '#server/apiserver/rest/write.ts';
import { builtinScaling, customScaling, type Scaling } from '#server/apiserver/subresources/scaling.ts';

const SCALE = { group: 'autoscaling', version: 'v1', kind: 'Scale' } as const;

function scalingOf(api: Api, { resource }: Call): Scaling {
  const paths = api.custom.of(resource)?.scale;
  return paths ? customScaling(paths) : builtinScaling;
}

export async function getScale(api: Api, call: Call): Promise<Scale> {
  const scaling = scalingOf(api, call);
  const object = objectOf(await readEntry(api, call));
  if (scaling.replicasOf(object) !== undefined) return scaleOf(object, scaling);
  const field = JSON.stringify(scaling.path);
  throw internalError(new Error(`the spec replicas field ${field} does not exist`));
}

/** `change` gets the present Scale, a private copy, and answers the wished one. Only `spec.replicas` is taken. */
export async function changeScale(api: Api, call: Call, change: (old: Scale) => Scale): Promise<Scale> {
  const scaling = scalingOf(api, call);
  const entry = await changeObject(api, { ...call, admitted: true }, async (stored) => {
    const next = structuredClone(stored);
    const wished = change(scaleOf(next, scaling));
    if (wished.spec?.replicas === undefined && scaling.replicasOf(stored) === undefined)
      throw badRequest(`the spec replicas field ${JSON.stringify(scaling.path)} cannot be empty`);
    scaling.setReplicas(next, await admittedReplicas(api, call, wished, stored, scaling));
    return next;
  });
  return scaleOf(objectOf(entry), scaling);
}

/** Server-side apply of a Scale: its replicas are those of the object, and so is who owns them. */
export async function applyScale(api: Api, call: Call, request: PatchRequest): Promise<Scale> {
  const { validation, force } = request;
  const scaling = scalingOf(api, call);
  const { spec, metadata } = api.codec.recode({
    object: readIntent(request.patch, call.name, SCALE),
    kind: SCALE,
    validation,
    warn: call.warn,
  }) as Scale;
  const { resource } = call;
  const config: KubeObject = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata };
  if (spec?.replicas !== undefined) scaling.setReplicas(config, spec.replicas);
  const intent = { config, manager: managerOfCall(api, call, 'Apply'), force };
  const target = { ...applyTarget(api, call), reset: undefined };
  const settled: Call = { ...call, admitted: true, tracks: false };
  const entry = await changeObject(api, settled, async (stored) => {
    const next = applyIntent(stored, intent, target);
    scaling.setReplicas(next, await admittedReplicas(api, call, scaleOf(next, scaling), stored, scaling));
    return next;
  });
  return scaleOf(objectOf(entry), scaling);
}

/** What admission makes of a wish; rejects where the wish was for another object or for less than none. */
async function admittedReplicas(
  api: Api,
  call: Call,
  asked: Scale,
  stored: KubeObject,
  scaling: Scaling,
): Promise<number> {
  const admission = new Admission(api, call, {
    operation: 'UPDATE',
    object: asked,
    oldObject: scaleOf(stored, scaling),
  });
  const wished = ((await admission.mutate()) ?? asked) as Scale;
  const { resourceVersion, uid } = wished.metadata;
  if (resourceVersion && resourceVersion !== stored.metadata.resourceVersion) throw stale(call);
  if (uid && uid !== stored.metadata.uid) {
    throw stale(
      call,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${stored.metadata.uid}`,
    );
  }
  const replicas = wished.spec?.replicas ?? 0;
  if (replicas < 0) {
    throw invalid({ group: 'autoscaling', kind: 'Scale' }, call.name, [
      invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
  }
  await admission.validate(wished);
  return replicas;
}

/** Absent replicas are absent here as well, so that a change has to say how many. */
function scaleOf(object: KubeObject, scaling: Scaling): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = scaling.replicasOf(object);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: replicas === undefined ? {} : { replicas },
    status: { replicas: scaling.statusReplicasOf(object), selector: scaling.selectorOf(object) },
  };
}
