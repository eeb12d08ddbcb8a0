import { apiVersionOf } from '#proto/api/resource.ts';
import { invalidValue } from '#proto/meta/field-error.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { formatSelector, selectorFromLabels, selectorFromObject } from '#proto/meta/selector.ts';
import { invalid } from '#proto/meta/status-error.ts';
import type { Scale } from '#proto/schema/generated/autoscaling-v1.ts';
import type { LabelSelector } from '#proto/schema/generated/meta-v1.ts';
import { applyIntent, readIntent } from '#server/apiserver/apply/apply-object.ts';
import { Admission } from '#server/apiserver/rest/admit.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { stale } from '#server/apiserver/rest/errors.ts';
import { applyTarget, managerOfCall } from '#server/apiserver/rest/ownership.ts';
import type { PatchRequest } from '#server/apiserver/rest/patch.ts';
import { changeObject } from '#server/apiserver/rest/update.ts';
import { requireEntry } from '#server/apiserver/rest/write.ts';

/** What Deployments, ReplicaSets, ReplicationControllers and StatefulSets have in common. */
type Scalable = KubeObject & {
  spec: { replicas?: number; selector?: LabelSelector | Record<string, string> };
  status?: { replicas?: number };
};

export const getScale = (api: Api, call: Call): Scale =>
  scaleOf(objectOf(requireEntry(api, call)) as Scalable);

/** `change` gets the present Scale, a private copy, and answers the wished one. Only `spec.replicas` is taken. */
export async function changeScale(api: Api, call: Call, change: (old: Scale) => Scale): Promise<Scale> {
  const entry = await changeObject(api, { ...call, admitted: true }, async (stored) => {
    const next = structuredClone(stored) as Scalable;
    next.spec.replicas = await admittedReplicas(api, call, change(scaleOf(next)), stored as Scalable);
    return next;
  });
  return scaleOf(objectOf(entry) as Scalable);
}

/** Server-side apply of a Scale: its replicas are those of the object, and so is who owns them. */
export async function applyScale(api: Api, call: Call, request: PatchRequest): Promise<Scale> {
  const { validation, force } = request;
  const config = readIntent(request.patch, call.name, SCALE);
  const { spec, metadata } = api.codec.recode({
    object: config,
    kind: SCALE,
    validation,
    warn: call.warn,
  }) as Scale;
  const { resource } = call;
  const intent = {
    config: {
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      metadata,
      spec: spec?.replicas === undefined ? {} : { replicas: spec.replicas },
    } as KubeObject,
    manager: managerOfCall(api, call, 'Apply'),
    force,
  };
  const target = { ...applyTarget(api, call), reset: undefined };
  const settled: Call = { ...call, admitted: true, tracks: false };
  const entry = await changeObject(api, settled, async (stored) => {
    const next = applyIntent(stored, intent, target) as Scalable;
    next.spec.replicas = await admittedReplicas(api, call, scaleOf(next), stored as Scalable);
    return next;
  });
  return scaleOf(objectOf(entry) as Scalable);
}

const SCALE = { group: 'autoscaling', version: 'v1', kind: 'Scale' } as const;

/** What admission makes of a wish; rejects where the wish was for another object or for less than none. */
async function admittedReplicas(api: Api, call: Call, asked: Scale, stored: Scalable): Promise<number> {
  const admission = new Admission(api, call, {
    operation: 'UPDATE',
    object: asked,
    oldObject: scaleOf(stored),
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

function scaleOf(object: Scalable): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: object.spec.replicas ?? 0 },
    status: { replicas: object.status?.replicas ?? 0, selector: selectorText(object) },
  };
}

/** As text, for clients that count the Pods: a ReplicationController's selector is a plain map. */
function selectorText({ kind, spec }: Scalable): string {
  if (kind === 'ReplicationController')
    return formatSelector(selectorFromLabels(spec.selector as Record<string, string>));
  return formatSelector(selectorFromObject(spec.selector as LabelSelector | undefined));
}
