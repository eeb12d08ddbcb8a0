import { describe, expect, it } from 'vitest';
import type { PodSpec } from '#proto/schema/generated/core-v1.ts';
import { FILTERS } from './filter/index.ts';
import { aContainer, aNode, aNodeInfo, aPod, aPodInfo, ownedBy } from './fixtures.ts';
import type { NodeInfo } from './node-info.plan.ts';
import { type Decision, schedule } from './schedule.plan.ts';
import { SCORES } from './score/index.ts';

const decide = (nodes: NodeInfo[], spec: Partial<PodSpec> = {}, random = 0, metadata = {}): Decision =>
  schedule({
    pod: aPodInfo(spec, metadata),
    nodes,
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
  it('is told what that node lacks', () => {
    const matchFields = [{ key: 'metadata.name', operator: 'In', values: ['a'] }];
    const required = { nodeSelectorTerms: [{ matchFields }] };
    const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } };
    const nodes = [aNode('a'), aNode('b', { spec: { unschedulable: true } }), aNode('c')];
    expect(
      message(
        decide(
          nodes.map((node) => aNodeInfo(node)),
          { affinity, ...asking('8') },
        ),
      ),
    ).toBe("0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity].");
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

  it('goes where fewer of its siblings are', () => {
    const sibling = aPod('s', asking('100m', '100Mi'), ownedBy('mine'));
    const other = aPod('o', asking('100m', '100Mi'), ownedBy('other'));
    const nodes = [aNodeInfo(aNode('a'), [sibling]), aNodeInfo(aNode('b'), [other])];
    expect(target(decide(nodes, asking('100m', '100Mi'), 0, ownedBy('mine')))).toBe('b');
  });

  it('breaks ties by the random figure', () => {
    const nodes = ['a', 'b', 'c'].map((name) => aNodeInfo(aNode(name)));
    expect([0, 0.34, 0.99].map((random) => target(decide(nodes, {}, random)))).toEqual(['a', 'b', 'c']);
  });
});
