import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import { countPodsByNode, planClusterState, planNodeConditions, type Workloads } from './conditions.plan.ts';

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
});

const metadata = { namespace: 'home', name: 'web' };
const none: Workloads = { deployments: [], statefulSets: [], daemonSets: [], jobs: [] };

it('counts what the cluster holds, and says what is not as it should be', () => {
  const pods = [aPod('a', 'Running'), aPod('a', 'Pending'), aPod('b', 'Failed'), aPod('b', 'Succeeded')];
  const workloads = {
    deployments: [
      { metadata, spec: { replicas: 3 }, status: { availableReplicas: 1 } },
      { metadata, spec: { replicas: 0 } },
    ],
    statefulSets: [{ metadata, spec: {}, status: { readyReplicas: 1 } }],
    daemonSets: [{ metadata, spec: {}, status: { desiredNumberScheduled: 2, numberReady: 1 } }],
    jobs: [
      { metadata, status: { active: 1 } },
      { metadata, status: { conditions: [{ type: 'Failed', status: 'True' }] } },
    ],
  } as unknown as Workloads;
  const nodes = [aNode({ Ready: 'True' }), aNode({ Ready: 'False' })];
  expect(planClusterState(nodes, pods, workloads)).toEqual({
    ...{ nodes: 2, ready: 1, pods: 4, pending: 1, running: 1, failed: 1 },
    ...{ deployments: 2, deployments_ready: 1, statefulsets: 1, statefulsets_ready: 1 },
    ...{ daemonsets: 1, daemonsets_ready: 0, jobs_active: 1, jobs_failed: 1 },
    problems: [
      'node pi is not ready',
      'daemonset home/web has 1 of 2',
      'deployment home/web has 1 of 3',
      'job home/web has failed',
    ],
  });
});

it('does not list every problem of a cluster that has many', () => {
  const nodes = Array.from({ length: 50 }, () => aNode({}));
  const { problems } = planClusterState(nodes, [], none);
  expect(problems).toHaveLength(10);
  expect(problems.at(-1)).toBe('and more');
});
