import { describe, expect, it } from 'vitest';
import type { Pod, PodSpec, Taint } from '#proto/schema/generated/core-v1.ts';
import { aContainer, aNode, aNodeInfo, aPod, aPodInfo, type NodeParts, ownedBy } from '../fixtures.ts';
import type { NodeInfo } from '../node-info.plan.ts';
import { balancedAllocation } from './balanced-allocation.ts';
import { SCORES } from './index.ts';
import { leastAllocated } from './least-allocated.ts';
import { preferUntainted } from './prefer-untainted.ts';
import { preferredNodeAffinity } from './preferred-node-affinity.ts';
import { normalize } from './score.ts';
import { spread } from './spread.ts';

const asking = (requests?: Record<string, string>): Partial<PodSpec> => ({
  containers: [aContainer(requests)],
});
const board = (
  allocatable: Record<string, string>,
  ...there: (Record<string, string> | undefined)[]
): NodeInfo =>
  aNodeInfo(
    aNode('a', { allocatable }),
    there.map((requests, i) => aPod(`there-${i}`, asking(requests))),
  );

it('weighs as upstream does', () => {
  expect(SCORES.map(({ name, weight }) => `${name} ${weight}`).sort()).toEqual([
    'NodeAffinity 2',
    'NodeResourcesBalancedAllocation 1',
    'NodeResourcesFit 1',
    'PodTopologySpread 2',
    'TaintToleration 3',
  ]);
});

describe('normalize', () => {
  it.each<[number[], boolean, number[]]>([
    [[], false, []],
    [[0, 0], false, [0, 0]],
    [[0, 0], true, [100, 100]],
    [[1, 3, 2], false, [33, 100, 66]],
    [[1, 3, 0], true, [67, 0, 100]],
  ])('%j, reverse %s', (raw, reverse, want) => {
    expect(normalize(raw, reverse)).toEqual(want);
  });
});

describe('NodeResourcesFit', () => {
  const ask = { cpu: '1', memory: '1Gi' };

  it.each<[string, NodeInfo, number]>([
    ['empty', board({ cpu: '4', memory: '4Gi' }), 75],
    ['half full', board({ cpu: '4', memory: '4Gi' }, { cpu: '2', memory: '2Gi' }), 25],
    ['full after it', board({ cpu: '1', memory: '1Gi' }), 0],
    ['uneven', board({ cpu: '4', memory: '2Gi' }), 62],
    ['with one who asks for nothing', board({ cpu: '4', memory: '4Gi' }, undefined), 71],
    ['promised too much', board({ cpu: '4', memory: '4Gi' }, { cpu: '8', memory: '0' }), 37],
    ['without figures of memory', board({ cpu: '4', memory: '0' }), 75],
    ['without figures', board({ cpu: '0', memory: '0' }), 0],
  ])('a node that is %s', (_, info, want) => {
    expect(leastAllocated.scores(aPodInfo(asking(ask)), [info], [info])).toEqual([want]);
  });
});

describe('NodeResourcesBalancedAllocation', () => {
  const score = (requests: Record<string, string> | undefined, info: NodeInfo): readonly number[] =>
    balancedAllocation.scores(aPodInfo(asking(requests)), [info], [info]);

  it.each<[string, Record<string, string> | undefined, NodeInfo, number]>([
    ['keeps the balance', { cpu: '1', memory: '1Gi' }, board({ cpu: '4', memory: '4Gi' }), 75],
    ['spoils it', { cpu: '4' }, board({ cpu: '4', memory: '4Gi' }), 50],
    ['mends it', { memory: '4Gi' }, board({ cpu: '4', memory: '4Gi' }, { cpu: '4', memory: '0' }), 100],
    ['asks for nothing', undefined, board({ cpu: '4', memory: '4Gi' }), 0],
    ['asks where memory is not counted', { cpu: '1' }, board({ cpu: '4', memory: '0' }), 75],
  ])('a Pod that %s', (_, requests, info, want) => {
    expect(score(requests, info)).toEqual([want]);
  });

  it('counts what was asked for, not what it weighs', () => {
    const empty = board({ cpu: '4', memory: '4Gi' });
    const withSmall = board({ cpu: '4', memory: '4Gi' }, undefined, undefined, undefined);
    const ask = { cpu: '3', memory: '1Gi' };
    expect(score(ask, withSmall)).toEqual(score(ask, empty));
  });
});

describe('NodeAffinity', () => {
  const prefers = (...terms: [number, string][]): Partial<PodSpec> => ({
    affinity: {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: terms.map(([weight, key]) => ({
          weight,
          preference: key ? { matchExpressions: [{ key, operator: 'Exists' }] } : {},
        })),
      },
    },
  });
  const infos = [{}, { a: '' }, { b: '' }, { a: '', b: '' }].map((labels) =>
    aNodeInfo(aNode('n', { labels })),
  );

  it.each<[string, Partial<PodSpec>, number[]]>([
    ['nothing', {}, [0, 0, 0, 0]],
    ['one label', prefers([5, 'a']), [0, 100, 0, 100]],
    ['two', prefers([3, 'a'], [1, 'b']), [0, 75, 25, 100]],
    ['an empty term', prefers([3, '']), [0, 0, 0, 0]],
  ])('prefers %s', (_, spec, want) => {
    expect(preferredNodeAffinity.scores(aPodInfo(spec), infos, infos)).toEqual(want);
  });
});

describe('TaintToleration', () => {
  it('likes nodes less for each taint that is not tolerated', () => {
    const taint = (key: string, effect = 'PreferNoSchedule'): Taint => ({ key, effect });
    const infos = [[], [taint('a')], [taint('a'), taint('b')], [taint('c', 'NoSchedule')]].map((taints) =>
      aNodeInfo(aNode('n', { spec: { taints } })),
    );
    expect(preferUntainted.scores(aPodInfo(), infos, infos)).toEqual([100, 50, 0, 100]);
    const tolerant = aPodInfo({ tolerations: [{ key: 'a', operator: 'Exists' }] });
    expect(preferUntainted.scores(tolerant, infos, infos)).toEqual([100, 100, 0, 100]);
    const forAnother = aPodInfo({
      tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoSchedule' }],
    });
    expect(preferUntainted.scores(forAnother, infos, infos)).toEqual([100, 50, 0, 100]);
  });
});

describe('PodTopologySpread', () => {
  const siblings = (count: number, metadata: Partial<Pod['metadata']> = {}): Pod[] =>
    Array.from({ length: count }, (_, i) =>
      aPod(`s-${i}`, {}, { uid: `s-${i}`, ...ownedBy('mine'), ...metadata }),
    );
  const at = (pods: Pod[], parts: NodeParts = {}): NodeInfo => aNodeInfo(aNode('n', parts), pods);
  const mine = aPodInfo({}, ownedBy('mine'));
  const zone = (name: string): NodeParts => ({ labels: { 'topology.kubernetes.io/zone': name } });

  it('has no wish for a Pod of its own', () => {
    const infos = [at(siblings(1)), at([])];
    expect(spread.scores(aPodInfo(), infos, infos)).toEqual([0, 0]);
  });

  // Raw: round(count × ln(nodes + 2) + 2).
  it.each<[string, NodeInfo[], number[]]>([
    ['equal where there is none', [at([]), at([])], [100, 100]],
    ['less where one is', [at(siblings(1)), at([])], [66, 100]],
    ['equal where all have as many', [at(siblings(2)), at(siblings(2))], [100, 100]],
    ['less and less', [at(siblings(4)), at(siblings(2)), at([])], [25, 62, 100]],
    ["blind to others' Pods", [at(siblings(3, ownedBy('other'))), at([])], [100, 100]],
    ['blind to those on their way out', [at(siblings(3, { deletionTimestamp: 'x' })), at([])], [100, 100]],
  ])('%s', (_, infos, want) => {
    expect(spread.scores(mine, infos, infos)).toEqual(want);
  });

  it('counts a zone as a whole, with nodes that are full', () => {
    const fitting = [at([], zone('east')), at([], zone('west')), at([])];
    const all = [...fitting, at(siblings(3), zone('east')), at(siblings(9), zone('north'))];
    const [east = 0, west = 0, none = 0] = spread.scores(mine, fitting, all);
    expect(west).toBeGreaterThan(east);
    expect(none).toBe(100);
  });

  it('leaves out nodes that the Pod may not go to', () => {
    const choosy = aPodInfo({ nodeSelector: { disk: 'ssd' } }, ownedBy('mine'));
    const ssd = (name: string): NodeParts => ({ labels: { disk: 'ssd', ...zone(name).labels } });
    const fitting = [at([], ssd('east')), at([], ssd('west'))];
    const all = [...fitting, at(siblings(3), zone('east'))];
    expect(spread.scores(choosy, fitting, all)).toEqual([100, 100]);
  });
});
