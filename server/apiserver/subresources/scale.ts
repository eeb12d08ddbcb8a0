import { invalidValue } from '#proto/meta/field-error.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { formatSelector, selectorFromLabels, selectorFromObject } from '#proto/meta/selector.ts';
import { invalid } from '#proto/meta/status-error.ts';
import type { Scale } from '#proto/schema/generated/autoscaling-v1.ts';
import type { LabelSelector } from '#proto/schema/generated/meta-v1.ts';
import { Admission } from '#server/apiserver/rest/admit.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { stale } from '#server/apiserver/rest/errors.ts';
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
    const asked = change(scaleOf(next));
    const admission = new Admission(api, call, {
      operation: 'UPDATE',
      object: asked,
      oldObject: scaleOf(next),
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
    next.spec.replicas = replicas;
    return next;
  });
  return scaleOf(objectOf(entry) as Scalable);
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
