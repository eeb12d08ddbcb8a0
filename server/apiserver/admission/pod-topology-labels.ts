import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import type { Binding, Pod } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';

const LABELS = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

/** Tells a Pod by labels where its node is. Rule: upstream's PodTopologyLabels. */
export const createPodTopologyLabels = (reader: ObjectReader): AdmissionPlugin => ({
  name: 'PodTopologyLabels',
  admit({ resource, subresource, operation, object }: AdmissionAttributes): void {
    if (resource.plural !== pods.plural || resource.group !== '' || operation !== 'CREATE' || !object) return;
    const name = nodeOf(object, subresource);
    const ofNode = name && reader.get(nodes, undefined, name)?.metadata.labels;
    if (!ofNode) return;
    for (const key of LABELS) {
      const value = ofNode[key];
      if (value !== undefined) object.metadata.labels = { ...object.metadata.labels, [key]: value };
    }
  },
});

function nodeOf(object: object, subresource: string | undefined): string | undefined {
  if (!subresource) return (object as Pod).spec.nodeName;
  if (subresource !== 'binding') return undefined;
  const { target } = object as Binding;
  return target.kind === 'Node' ? target.name : undefined;
}
