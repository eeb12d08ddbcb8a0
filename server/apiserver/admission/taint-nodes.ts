import { nodes } from '#proto/api/core/nodes.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { isAbout } from '#server/apiserver/admission/refuse.ts';

const NOT_READY = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' } as const;

/** A new node takes no pods until it has said that it is ready. Rule: upstream's TaintNodesByCondition. */
export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  admit(attributes: AdmissionAttributes): void {
    const { operation, object } = attributes;
    if (!isAbout(attributes, nodes) || operation !== 'CREATE' || !object) return;
    const node = object as Node;
    const taints = node.spec?.taints ?? [];
    if (taints.some((t) => t.key === NOT_READY.key && t.effect === NOT_READY.effect)) return;
    node.spec = { ...node.spec, taints: [...taints, { ...NOT_READY }] };
  },
};
