import { isDeepStrictEqual } from 'node:util';
import { podAmounts } from '#proto/api/core/amounts.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { compareQuantities, milliValue, quantityValue } from '#proto/meta/quantity.ts';
import { StatusError } from '#proto/meta/status-error.ts';
import type { Node, Pod, PodSpec } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { refused } from '#server/apiserver/admission/refuse.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';

/** Refuses at once what a Pod's node could never give it. Rule: upstream's PodResizeValidator. */
export const createPodResize = (reader: ObjectReader): AdmissionPlugin => ({
  name: 'PodResizeValidator',
  validate(attributes: AdmissionAttributes): void {
    const { resource, subresource, operation, object, oldObject } = attributes;
    if (resource.plural !== pods.plural || resource.group !== '' || subresource !== 'resize') return;
    if (operation !== 'UPDATE' || !object) return;
    const { spec } = object as Pod;
    if (!spec.nodeName || isDeepStrictEqual(spec, (oldObject as Pod | undefined)?.spec)) return;
    const node = reader.get(nodes, undefined, spec.nodeName);
    if (!node) throw refused(attributes, `node ${JSON.stringify(spec.nodeName)} not found`);
    const os = node.metadata.labels?.['kubernetes.io/os'];
    if (os !== undefined && os !== 'linux') {
      const text = `pod resize is only supported on linux nodes, node "${node.metadata.name}" is "${os}"`;
      throw withCause(refused(attributes, text), 'UnsupportedPlatform');
    }
    const missing = missingOn(node, spec);
    if (missing.length === 0) return;
    const text = `node didn't have enough allocatable resources: ${missing.join('; ')}`;
    throw withCause(refused(attributes, text), 'NodeCapacity');
  },
});

const SHOWN = { cpu: milliValue, memory: quantityValue } as const;

function missingOn({ status }: Node, spec: PodSpec): string[] {
  const requests = podAmounts(spec, 'requests');
  return Object.entries(SHOWN).flatMap(([name, shown]) => {
    const [requested, allocatable] = [requests[name] ?? '0', status?.allocatable?.[name] ?? '0'];
    return compareQuantities(requested, allocatable) > 0
      ? [`${name}, requested: ${shown(requested)}, allocatable: ${shown(allocatable)}`]
      : [];
  });
}

/** Clients tell from the cause that to wait would not help. */
const withCause = ({ reason, message, details }: StatusError, type: string): StatusError =>
  new StatusError(reason, message, { details: { ...details, causes: [{ reason: type }] } });
