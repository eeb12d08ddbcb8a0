import { expect, it } from 'vitest';
import type { Node, Pod, Service } from '#proto/schema/generated/core-v1.ts';
import { planEndpointSlices } from '#server/controllers/service/endpointslice.plan.ts';

const pod = (name: string, ready = true): Pod => ({
  metadata: { namespace: 'default', name, uid: name },
  spec: { nodeName: `node-${name}`, containers: [] },
  status: {
    phase: 'Running',
    podIP: '10.42.1.2',
    podIPs: [{ ip: '10.42.1.2' }],
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
  },
});
const nodeOf = (name: string): Node => ({
  metadata: { name, labels: name === 'node-nowhere' ? {} : { 'topology.kubernetes.io/zone': 'attic' } },
  spec: {},
});
const hintsOf = (trafficDistribution: string | undefined, annotations: Record<string, string> = {}) => {
  const service: Service = {
    metadata: { namespace: 'default', name: 'web', uid: 'web', annotations },
    spec: { selector: {}, ports: [{ port: 80 }], ...(trafficDistribution ? { trafficDistribution } : {}) },
  };
  const pods = [pod('a'), pod('nowhere'), pod('late', false)];
  const [slice] = planEndpointSlices(service, pods, [], nodeOf).create;
  return slice?.endpoints?.map(({ hints }) => hints);
};

it.each([
  ['nothing', undefined, {}, [undefined, undefined, undefined]],
  ['its zone', 'PreferSameZone', {}, [{ forZones: [{ name: 'attic' }] }, undefined, undefined]],
  ['what is close', 'PreferClose', {}, [{ forZones: [{ name: 'attic' }] }, undefined, undefined]],
  [
    'its node',
    'PreferSameNode',
    {},
    [
      { forZones: [{ name: 'attic' }], forNodes: [{ name: 'node-a' }] },
      { forNodes: [{ name: 'node-nowhere' }] },
      undefined,
    ],
  ],
  [
    'what another mechanism says',
    'PreferSameZone',
    { 'service.kubernetes.io/topology-mode': 'Auto' },
    [undefined, undefined, undefined],
  ],
] as const)(
  'hints at those near an endpoint that is ready when a Service prefers %s',
  (_, wanted, annotations, expected) => {
    expect(hintsOf(wanted, annotations)).toEqual(expected);
  },
);
