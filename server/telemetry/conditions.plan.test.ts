import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import { countPodsByNode, planClusterState, planNodeConditions } from './conditions.plan.ts';

const aNode = (conditions: Readonly<Record<string, string>>, unschedulable?: boolean): Node =>
  ({
    metadata: { name: 'pi' },
    spec: { unschedulable },
    status: { conditions: Object.entries(conditions).map(([type, status]) => ({ type, status })) },
  }) as Node;
const aPod = (nodeName: string | undefined, phase: string): Pod =>
  ({ metadata: { name: 'web' }, spec: { nodeName, containers: [] }, status: { phase } }) as Pod;

describe('conditions of a node', () => {
  it.each([
    ['ready', aNode({ Ready: 'True', MemoryPressure: 'False' }), true, []],
    ['not heard of', aNode({ Ready: 'Unknown', MemoryPressure: 'Unknown' }), false, []],
    [
      'under pressure',
      aNode({ Ready: 'True', PIDPressure: 'True', DiskPressure: 'True' }),
      true,
      ['DiskPressure', 'PIDPressure'],
    ],
    ['without a status', { metadata: { name: 'pi' }, spec: {} } as Node, false, []],
  ])('%s', (_, node, ready, problems) => {
    expect(planNodeConditions(node, 3)).toEqual({ ready, unschedulable: false, problems, pods: 3 });
  });

  it('tells a cordoned node', () => {
    expect(planNodeConditions(aNode({ Ready: 'True' }, true), 0).unschedulable).toBe(true);
  });
});

it('counts Pods that have not ended, where they are', () => {
  const pods = [
    aPod('a', 'Running'),
    aPod('a', 'Pending'),
    aPod('a', 'Succeeded'),
    aPod('b', 'Failed'),
    aPod(undefined, 'Pending'),
  ];
  expect([...countPodsByNode(pods)]).toEqual([['a', 2]]);
  expect(planClusterState([aNode({ Ready: 'True' }), aNode({ Ready: 'False' })], pods)).toEqual({
    nodes: 2,
    ready: 1,
    pods: 5,
    running: 1,
  });
});
