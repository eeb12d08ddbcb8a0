import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { groupResourceOf } from '#proto/api/resource.ts';
import { notFound } from '#proto/meta/status-error.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionAttributes } from '#server/apiserver/admission/admission.ts';
import { objectReferenceOf } from '#server/apiserver/admission/pod-references.ts';
import { refused } from '#server/apiserver/admission/refuse.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import { isSame } from '#server/registry/validation/field-checks.ts';

const MIRROR = 'kubernetes.io/config.mirror';

/** A node tells of pods that it runs by itself, ends pods, and writes their status: of its own alone. */
export function restrictPod(reader: ObjectReader, attributes: AdmissionAttributes, node: string): void {
  const { operation, subresource, namespace, name } = attributes;
  const me = `node ${JSON.stringify(node)}`;
  if (subresource === undefined) {
    if (operation === 'CREATE') restrictMirror(reader, attributes, node);
    else if (operation === 'DELETE')
      checkOwn(attributes, node, attributes.oldObject as Pod, `${me} can only delete pods`);
    else
      throw refused(
        attributes,
        `unexpected operation ${JSON.stringify(operation)}, ${me} can only create and delete mirror pods`,
      );
  } else if (subresource === 'status') restrictStatus(attributes, node);
  else if (subresource === 'eviction') {
    const evicted = name || attributes.object?.metadata?.name || '';
    const pod = reader.get(pods, namespace, evicted);
    if (!pod) throw notFound(groupResourceOf(pods), evicted);
    checkOwn(attributes, node, pod, `node ${node} can only evict pods`);
  } else
    throw refused(
      attributes,
      `unexpected pod subresource ${JSON.stringify(subresource)}, only 'status' and 'eviction' are allowed`,
    );
}

function checkOwn(attributes: AdmissionAttributes, node: string, pod: Pod | undefined, may: string): void {
  if (pod?.spec.nodeName !== node) throw refused(attributes, `${may} with spec.nodeName set to itself`);
}

function restrictStatus(attributes: AdmissionAttributes, node: string): void {
  const me = `node ${JSON.stringify(node)}`;
  if (attributes.operation !== 'UPDATE')
    throw refused(attributes, `unexpected operation ${JSON.stringify(attributes.operation)}`);
  const [old, next] = [attributes.oldObject, attributes.object] as Pod[];
  checkOwn(attributes, node, old, `${me} can only update pod status for pods`);
  if (!isSame(old?.metadata.labels ?? {}, next?.metadata.labels ?? {}))
    throw refused(attributes, `${me} cannot update labels through pod status`);
  if (!isSame(old?.status?.resourceClaimStatuses ?? [], next?.status?.resourceClaimStatuses ?? []))
    throw refused(attributes, `${me} cannot update resource claim statues`);
  if (!isSame(old?.status?.extendedResourceClaimStatus, next?.status?.extendedResourceClaimStatus))
    throw refused(attributes, `${me} cannot update extended resource claim status`);
}

function restrictMirror(reader: ObjectReader, attributes: AdmissionAttributes, node: string): void {
  const problem = mirrorProblem(reader, attributes.object as Pod, node);
  if (problem) throw refused(attributes, problem);
}

function mirrorProblem(reader: ObjectReader, pod: Pod, node: string): string | undefined {
  const me = `node ${JSON.stringify(node)}`;
  if (pod.metadata.annotations?.[MIRROR] === undefined)
    return `pod does not have ${JSON.stringify(MIRROR)} annotation, ${me} can only create mirror pods`;
  if (pod.spec.nodeName !== node) return `${me} can only create pods with spec.nodeName set to itself`;
  const [owner, ...others] = pod.metadata.ownerReferences ?? [];
  if (others.length > 0) return `${me} can only create pods with a single owner reference set to itself`;
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node)
    return `${me} can only create pods with an owner reference set to itself`;
  if (!owner.controller) return `${me} can only create pods with a controller owner reference set to itself`;
  if (owner.blockOwnerDeletion) return `${me} must not set blockOwnerDeletion on an owner reference`;
  const uid = reader.get(nodes, undefined, node)?.metadata.uid;
  if (uid === undefined) throw notFound(groupResourceOf(nodes), node);
  if (owner.uid !== uid) return `node ${node} UID mismatch: expected ${owner.uid} got ${uid}`;
  const reference = objectReferenceOf(pod);
  return reference && `${me} can not create pods that reference ${reference}`;
}
