import { describe, expect, it } from 'vitest';
import type { Pod, PodSpec } from '#proto/schema/generated/core-v1.ts';
import { aContainer, aPod, nonZero } from './fixtures.ts';
import { podRequests, podWeight } from './resources.plan.ts';

const MI = 2 ** 20;
const sidecar = (requests: Record<string, string>) => aContainer(requests, { restartPolicy: 'Always' });

const CASES: [string, Partial<PodSpec>, Record<string, number>][] = [
  ['asks for nothing', {}, {}],
  [
    'adds its containers',
    { containers: [aContainer({ cpu: '250m', memory: '64Mi' }), aContainer({ cpu: '1', memory: '1Mi' })] },
    { cpu: 1250, memory: 65 * MI },
  ],
  [
    'needs the largest init container where that is more',
    {
      initContainers: [aContainer({ cpu: '2' }), aContainer({ memory: '1Mi' })],
      containers: [aContainer({ cpu: '1', memory: '8Mi' })],
    },
    { cpu: 2000, memory: 8 * MI },
  ],
  [
    'keeps sidecars beside the containers',
    { initContainers: [sidecar({ cpu: '200m' })], containers: [aContainer({ cpu: '1' })] },
    { cpu: 1200 },
  ],
  [
    'keeps sidecars beside later init containers only',
    {
      initContainers: [aContainer({ cpu: '3' }), sidecar({ cpu: '500m' }), aContainer({ cpu: '2' })],
      containers: [aContainer({ cpu: '100m' })],
    },
    { cpu: 3000 },
  ],
  [
    'counts a sidecar that was started before an init container',
    {
      initContainers: [sidecar({ cpu: '500m' }), aContainer({ cpu: '2' }), sidecar({ cpu: '1' })],
      containers: [aContainer({ cpu: '100m' })],
    },
    { cpu: 2500 },
  ],
  [
    'adds its overhead',
    { overhead: { cpu: '50m', memory: '10Mi' }, containers: [aContainer({ cpu: '1' })] },
    { cpu: 1050, memory: 10 * MI },
  ],
  [
    'asks as a Pod instead of as containers where it says so',
    {
      resources: { requests: { cpu: '500m', memory: '100Mi' } },
      overhead: { cpu: '10m' },
      containers: [aContainer({ cpu: '2', 'example.com/gpio': '1' })],
    },
    { cpu: 510, memory: 100 * MI, 'example.com/gpio': 1 },
  ],
  [
    'asks as containers for what Pods cannot ask for',
    {
      resources: { requests: { 'ephemeral-storage': '5Gi', 'hugepages-2Mi': '4Mi' } },
      containers: [aContainer({ 'ephemeral-storage': '1Mi' })],
    },
    { 'ephemeral-storage': MI, 'hugepages-2Mi': 4 * MI },
  ],
];

describe('podRequests', () => {
  it.each(CASES)('%s', (_, spec, want) => {
    expect(nonZero(podRequests(aPod('web', spec)))).toEqual(want);
  });

  const resized = (status: Pod['status']): Pod => ({
    ...aPod('web', { containers: [aContainer({ cpu: '1' })] }),
    status,
  });

  it.each<[string, Pod['status'], number]>([
    ['says nothing of resources', { containerStatuses: [{ name: 'main' } as never] }, 1000],
    ['has more still', { containerStatuses: [held('2', '1')] }, 2000],
    ['was promised more', { containerStatuses: [held('500m', '3')] }, 3000],
    ['has less still', { containerStatuses: [held('500m', '500m')] }, 1000],
    [
      'has less, and will get no more',
      {
        containerStatuses: [held('500m', '500m')],
        conditions: [{ type: 'PodResizePending', status: 'True', reason: 'Infeasible' }],
      },
      500,
    ],
  ])('a container that %s', (_, status, cpu) => {
    expect(nonZero(podRequests(resized(status)))).toEqual({ cpu });
  });
});

describe('podWeight', () => {
  it('gives a weight to what was not asked for, in each container', () => {
    const spec = { containers: [aContainer(), aContainer({ cpu: '1' }), aContainer({ memory: '0' })] };
    expect(nonZero(podWeight(aPod('web', spec)))).toEqual({ cpu: 1200, memory: 400 * MI });
  });
});

function held(requests: string, allocated: string) {
  return {
    name: 'main',
    resources: { requests: { cpu: requests } },
    allocatedResources: { cpu: allocated },
  } as never;
}
