import { pods } from '#proto/api/core/pods.ts';
import { required } from '#proto/meta/field-error.ts';
import { badRequest, invalid } from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Binding, Pod } from '#proto/schema/generated/core-v1.ts';
import { admitCreate } from '#server/apiserver/rest/admit.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { stale } from '#server/apiserver/rest/errors.ts';
import { changeObject } from '#server/apiserver/rest/update.ts';

/**
 * Puts a Pod on a node, once: a Pod that is bound, or on its way out, is a conflict. The caller is a scheduler.
 * Rule: upstream's `BindingREST.setPodNodeAndMetadata`.
 */
export async function bindPod(api: Api, call: Call, binding: Binding): Promise<void> {
  const name = call.name || binding.metadata.name || '';
  if (call.name && binding.metadata.name && binding.metadata.name !== call.name) {
    throw badRequest('name in URL does not match name in Binding object');
  }
  const { kind, name: node } = binding.target;
  if (!node) throw invalid({ group: '', kind: 'Binding' }, name, [required('target.name')]);
  if (kind && kind !== 'Node') throw badRequest(`invalid target kind ${JSON.stringify(kind)}`);
  const podCall: Call = { ...call, resource: pods, name, subresource: 'binding' };
  const { annotations, labels, uid } = (await admitCreate(api, podCall, binding)).metadata;
  await changeObject(api, { ...podCall, admitted: true, tracks: false }, (old) => {
    const pod = structuredClone(old) as Pod;
    if (uid && uid !== pod.metadata.uid) {
      throw stale(
        podCall,
        `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.metadata.uid}`,
      );
    }
    if (pod.metadata.deletionTimestamp)
      throw stale(podCall, `pod ${name} is being deleted, cannot be assigned to a host`);
    if (pod.spec.nodeName)
      throw stale(podCall, `pod ${name} is already assigned to node "${pod.spec.nodeName}"`);
    if (pod.spec.schedulingGates?.length) {
      throw stale(podCall, `pod ${name} has non-empty .spec.schedulingGates`);
    }
    pod.spec.nodeName = node;
    if (labels) pod.metadata.labels = { ...pod.metadata.labels, ...labels };
    if (annotations) pod.metadata.annotations = { ...pod.metadata.annotations, ...annotations };
    const conditions = (pod.status?.conditions ?? []).filter((c) => c.type !== 'PodScheduled');
    const scheduled = {
      type: 'PodScheduled',
      status: 'True',
      lastTransitionTime: timestamp(api.clock.now()),
    };
    pod.status = { ...pod.status, conditions: [...conditions, scheduled] };
    // It waits for no node any more.
    delete pod.status.nominatedNodeName;
    return pod;
  });
}
