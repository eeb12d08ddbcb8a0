import { describe, expect, it } from 'vitest';
import type { PodSpec } from '#proto/schema/generated/core-v1.ts';
import { FILTERS } from './filter/index.ts';
import { nodeResourcesFit } from './filter/node-resources.ts';
import { aCluster, aContainer, aNode, aNodeInfo, aPod, aPodInfo } from './fixtures.ts';
import type { NodeInfo } from './node-info.plan.ts';
import { type Decision, nodesToFind, schedule } from './schedule.plan.ts';
import { SCORES } from './score/index.ts';

const decide = (nodes: NodeInfo[], spec: Partial<PodSpec> = {}, random = 0): Decision =>
  schedule({
    pod: aPodInfo(spec),
    cluster: aCluster(nodes),
    filters: FILTERS,
    scores: SCORES,
    random: () => random,
  });
const message = (decision: Decision): string => (decision.type === 'unschedulable' ? decision.message : '');
const target = (decision: Decision): string => (decision.type === 'bind' ? decision.nodeName : '');
const asking = (cpu: string, memory = '0') => ({ containers: [aContainer({ cpu, memory })] });

describe('a Pod that does not fit', () => {
  it('is told that there are no nodes', () => {
    expect(message(decide([]))).toBe('no nodes available to schedule pods');
  });

  it('is told what each node lacks, sorted, each node once for its first filter', () => {
    const nodes = [
      aNode('a', { spec: { unschedulable: true } }),
      aNode('b', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } }),
      aNode('c', { labels: { disk: 'ssd' } }),
      aNode('d', { labels: { disk: 'ssd' }, allocatable: { cpu: '1', memory: '1' } }),
      aNode('e'),
    ].map((node) => aNodeInfo(node));
    expect(message(decide(nodes, { nodeSelector: { disk: 'ssd' }, ...asking('8', '1Gi') }))).toBe(
      '0/5 nodes are available: 1 Insufficient memory, ' +
        "1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s), " +
        '1 node(s) were unschedulable, 2 Insufficient cpu.',
    );
  });
});

describe('a Pod that is pinned to a node', () => {
  const pinned = (...values: string[][]) => ({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            { matchFields: values.map((names) => ({ key: 'metadata.name', operator: 'In', values: names })) },
          ],
        },
      },
    },
  });
  const nodes = [aNode('a'), aNode('b', { spec: { unschedulable: true } }), aNode('c')];

  it('is told what that node lacks', () => {
    const infos = nodes.map((node) => aNodeInfo(node));
    expect(message(decide(infos, { ...pinned(['a']), ...asking('8') }))).toBe(
      "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity].",
    );
  });

  it('is told where its terms contradict each other', () => {
    const infos = nodes.map((node) => aNodeInfo(node));
    expect(message(decide(infos, pinned(['a'], ['b'])))).toBe(
      '0/3 nodes are available: pod affinity terms conflict.',
    );
  });

  it('goes there', () => {
    expect(
      target(
        decide(
          nodes.map((node) => aNodeInfo(node)),
          pinned(['c', 'nowhere']),
        ),
      ),
    ).toBe('c');
  });
});

describe('a large cluster', () => {
  it.each([
    [0, 0],
    [5, 5],
    [99, 99],
    [100, 100],
    [250, 120],
    [1_000, 420],
    [5_000, 500],
    [10_000, 500],
  ])('of %i nodes is looked at until %i fit', (count, want) => {
    expect(nodesToFind(count)).toBe(want);
  });

  it('is sampled from where the last Pod left off', () => {
    const infos = Array.from({ length: 250 }, (_, i) => aNodeInfo(aNode(`n${i}`)));
    const cluster = aCluster(infos);
    const pod = aPodInfo();
    const input = { pod, cluster, filters: FILTERS, scores: SCORES, random: () => 0 };
    expect(schedule({ ...input, start: 200 })).toEqual({ type: 'bind', nodeName: 'n200', looked: 120 });
    expect(schedule({ ...input, start: 0 })).toMatchObject({ nodeName: 'n0' });
  });
});

describe('a nominated node', () => {
  const full = aNodeInfo(aNode('a', { allocatable: { cpu: '1' } }));
  const empty = aNodeInfo(aNode('b'));
  const other = (priority: number) => aPodInfo({ priority, ...asking('1') }, { uid: 'other', name: 'other' });
  const where = (priority: number, nominatedNode?: string): string => {
    const cluster = aCluster([full, empty]);
    cluster.nominate(other(5), 'a');
    cluster.nominate(other(5), 'a');
    const pod = aPodInfo({ priority, ...asking('1', '1') }, { uid: 'me' });
    const decision = schedule({
      ...{ pod, cluster, filters: [nodeResourcesFit], scores: [], random: () => 0, nominatedNode },
    });
    return target(decision);
  };

  it('comes first, whatever is better elsewhere', () => {
    expect(where(9, 'a')).toBe('a');
    expect(where(9, 'b')).toBe('b');
  });

  it('is left to others who are as important', () => {
    expect(where(5)).toBe('b');
    expect(where(5, 'a')).toBe('b');
    expect(where(6)).toBe('a');
  });
});

describe('a Pod that fits', () => {
  it('goes to the only node', () => {
    expect(
      target(
        decide([aNodeInfo(aNode('a', { allocatable: { cpu: '1' } })), aNodeInfo(aNode('b'))], asking('2')),
      ),
    ).toBe('b');
  });

  it('goes to the emptier node', () => {
    const busy = aNodeInfo(aNode('busy'), [aPod('x', asking('3', '3Gi'))]);
    for (const random of [0, 0.99])
      expect(target(decide([busy, aNodeInfo(aNode('idle'))], asking('500m', '512Mi'), random))).toBe('idle');
  });

  it('breaks ties by the random figure', () => {
    const nodes = ['a', 'b', 'c'].map((name) => aNodeInfo(aNode(name)));
    expect([0, 0.34, 0.99].map((random) => target(decide(nodes, {}, random)))).toEqual(['a', 'b', 'c']);
  });
});
