import { describe, expect, it } from 'vitest';
import type { Pod, PodSpec, Taint } from '#proto/schema/generated/core-v1.ts';
import { aCluster, aContainer, aNode, aNodeInfo, aPod, aPodInfo, type NodeParts } from '../fixtures.ts';
import type { ClusterViews } from '../node-cache.ts';
import type { NodeInfo } from '../node-info.plan.ts';
import type { PodInfo } from '../pod-info.plan.ts';
import { balancedAllocation } from './balanced-allocation.ts';
import { boardHealth } from './board-health.ts';
import { imageLocality } from './image-locality.ts';
import { SCORES } from './index.ts';
import { interPodAffinity } from './inter-pod-affinity.ts';
import { leastAllocated } from './least-allocated.ts';
import { spread } from './pod-topology-spread.ts';
import { preferUntainted } from './prefer-untainted.ts';
import { preferredNodeAffinity } from './preferred-node-affinity.ts';
import type { Score } from './score.ts';
import { normalize } from './score.ts';

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

/** Of these nodes, in a cluster of `all`; each has a name of its own. */
const scoresOf = (
  score: Score,
  pod: PodInfo,
  fitting: readonly NodeInfo[],
  all: readonly NodeInfo[] = fitting,
  views: Partial<ClusterViews> = {},
): readonly number[] | undefined => {
  const cluster = aCluster(all, views);
  return score.scores(
    pod,
    fitting.map(({ name }) => cluster.node(name) as NodeInfo),
    cluster,
  );
};

it('weighs as upstream does', () => {
  expect(SCORES.map(({ name, weight }) => `${name} ${weight}`).sort()).toEqual([
    'BoardHealth 2',
    'ImageLocality 1',
    'InterPodAffinity 2',
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
    expect(scoresOf(leastAllocated, aPodInfo(asking(ask)), [info])).toEqual([want]);
  });
});

describe('NodeResourcesBalancedAllocation', () => {
  const score = (requests: Record<string, string> | undefined, info: NodeInfo) =>
    scoresOf(balancedAllocation, aPodInfo(asking(requests)), [info]);

  it.each<[string, Record<string, string> | undefined, NodeInfo, number]>([
    ['keeps the balance', { cpu: '1', memory: '1Gi' }, board({ cpu: '4', memory: '4Gi' }), 75],
    ['spoils it', { cpu: '4' }, board({ cpu: '4', memory: '4Gi' }), 50],
    ['mends it', { memory: '4Gi' }, board({ cpu: '4', memory: '4Gi' }, { cpu: '4', memory: '0' }), 100],
    ['asks where memory is not counted', { cpu: '1' }, board({ cpu: '4', memory: '0' }), 75],
  ])('a Pod that %s', (_, requests, info, want) => {
    expect(score(requests, info)).toEqual([want]);
  });

  it('prefers none for a Pod that asks for nothing', () => {
    expect(score(undefined, board({ cpu: '4', memory: '4Gi' }))).toBeUndefined();
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
  const infos = [{}, { a: '' }, { b: '' }, { a: '', b: '' }].map((labels, i) =>
    aNodeInfo(aNode(`n${i}`, { labels })),
  );

  it.each<[string, Partial<PodSpec>, number[] | undefined]>([
    ['nothing', {}, undefined],
    ['one label', prefers([5, 'a']), [0, 100, 0, 100]],
    ['two', prefers([3, 'a'], [1, 'b']), [0, 75, 25, 100]],
    ['an empty term', prefers([3, '']), [0, 0, 0, 0]],
  ])('prefers %s', (_, spec, want) => {
    expect(scoresOf(preferredNodeAffinity, aPodInfo(spec), infos)).toEqual(want);
  });
});

describe('TaintToleration', () => {
  it('likes nodes less for each taint that is not tolerated', () => {
    const taint = (key: string, effect = 'PreferNoSchedule'): Taint => ({ key, effect });
    const infos = [[], [taint('a')], [taint('a'), taint('b')], [taint('c', 'NoSchedule')]].map((taints, i) =>
      aNodeInfo(aNode(`n${i}`, { spec: { taints } })),
    );
    expect(scoresOf(preferUntainted, aPodInfo(), infos)).toEqual([100, 50, 0, 100]);
    const tolerant = aPodInfo({ tolerations: [{ key: 'a', operator: 'Exists' }] });
    expect(scoresOf(preferUntainted, tolerant, infos)).toEqual([100, 100, 0, 100]);
    const forAnother = aPodInfo({
      tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoSchedule' }],
    });
    expect(scoresOf(preferUntainted, forAnother, infos)).toEqual([100, 50, 0, 100]);
  });
});

describe('PodTopologySpread', () => {
  const labels = { app: 'mine' };
  const siblings = (count: number, metadata: Partial<Pod['metadata']> = {}): Pod[] =>
    Array.from({ length: count }, () => aPod('s', {}, { labels, ...metadata }));
  let serial = 0;
  const at = (pods: Pod[], parts: NodeParts = {}): NodeInfo => aNodeInfo(aNode(`n${serial++}`, parts), pods);
  const mine = aPodInfo({}, { labels });
  const zone = (name: string): NodeParts => ({ labels: { 'topology.kubernetes.io/zone': name } });
  const selected: Partial<ClusterViews> = { defaultSelector: () => [{ matchLabels: labels }] };

  it('has no wish for a Pod that nothing selects', () => {
    const infos = [at(siblings(1)), at([])];
    expect(scoresOf(spread, mine, infos)).toBeUndefined();
  });

  // Raw: round(count × ln(nodes + 2) + 2).
  it.each<[string, NodeInfo[], number[]]>([
    ['equal where there is none', [at([]), at([])], [100, 100]],
    ['less where one is', [at(siblings(1)), at([])], [66, 100]],
    ['equal where all have as many', [at(siblings(2)), at(siblings(2))], [100, 100]],
    ['less and less', [at(siblings(4)), at(siblings(2)), at([])], [25, 62, 100]],
    ["blind to others' Pods", [at(siblings(3, { labels: { app: 'other' } })), at([])], [100, 100]],
    ['blind to other namespaces', [at(siblings(3, { namespace: 'other' })), at([])], [100, 100]],
    ['blind to those on their way out', [at(siblings(3, { deletionTimestamp: 'x' })), at([])], [100, 100]],
  ])('%s', (_, infos, want) => {
    expect(scoresOf(spread, mine, infos, infos, selected)).toEqual(want);
  });

  it('counts a zone as a whole, with nodes that are full', () => {
    const fitting = [at([], zone('east')), at([], zone('west')), at([])];
    const all = [...fitting, at(siblings(3), zone('east')), at(siblings(9), zone('north'))];
    const [east = 0, west = 0, none = 0] = scoresOf(spread, mine, fitting, all, selected) ?? [];
    expect(west).toBeGreaterThan(east);
    expect(none).toBe(100);
  });

  it('leaves out nodes that the Pod may not go to', () => {
    const choosy = aPodInfo({ nodeSelector: { disk: 'ssd' } }, { labels });
    const ssd = (name: string): NodeParts => ({ labels: { disk: 'ssd', ...zone(name).labels } });
    const fitting = [at([], ssd('east')), at([], ssd('west'))];
    const all = [...fitting, at(siblings(3), zone('east'))];
    expect(scoresOf(spread, choosy, fitting, all, selected)).toEqual([100, 100]);
  });

  it("follows the Pod's own constraints instead, and puts nodes without the label last", () => {
    const own = aPodInfo(
      {
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: 'rack',
            whenUnsatisfiable: 'ScheduleAnyway',
            labelSelector: { matchLabels: labels },
          },
        ],
      },
      { labels },
    );
    const infos = [
      at(siblings(2), { labels: { rack: 'a' } }),
      at(siblings(1), { labels: { rack: 'b' } }),
      at([]),
    ];
    expect(scoresOf(spread, own, infos, infos, selected)).toEqual([33, 100, 0]);
  });
});

describe('InterPodAffinity', () => {
  const HOST = 'kubernetes.io/hostname';
  const term = (app: string) => ({ topologyKey: HOST, labelSelector: { matchLabels: { app } } });
  const company = (weight: number, app: string, anti = false): Partial<PodSpec> => ({
    affinity: {
      [anti ? 'podAntiAffinity' : 'podAffinity']: {
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight, podAffinityTerm: term(app) }],
      },
    },
  });
  const required: Partial<PodSpec> = {
    affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('web')] } },
  };
  const db = (spec: Partial<PodSpec> = {}): Pod => aPod('db', spec, { labels: { app: 'db' } });
  const web = (spec: Partial<PodSpec> = {}) => aPodInfo(spec, { labels: { app: 'web' } });

  it.each<[string, PodInfo, Pod[][], number[] | undefined]>([
    ['prefers none', web(), [[db()], []], undefined],
    ['wants company', web(company(5, 'db')), [[db(), db()], [db()], []], [100, 50, 0]],
    ['wants distance', web(company(5, 'db', true)), [[db(), db()], [db()], []], [0, 50, 100]],
    ['is wanted', web(), [[db(company(5, 'web'))], []], [100, 0]],
    ['is not wanted', web(), [[db(company(5, 'web', true))], []], [0, 100]],
    ['is required by one who is there', web(), [[db(required)], [db(company(3, 'web'))], []], [33, 100, 0]],
    ['is meant by no one', web(company(5, 'other')), [[db(company(5, 'other'))], []], [0, 0]],
  ])('a Pod that %s', (_, pod, nodes, want) => {
    const infos = nodes.map((pods, i) => aNodeInfo(aNode(`n${i}`), pods));
    expect(scoresOf(interPodAffinity, pod, infos)).toEqual(want);
  });
});

describe('ImageLocality', () => {
  const MB = 1024 * 1024;
  const having = (...images: [string, number][]): NodeInfo => {
    const node = aNode(`n-${JSON.stringify(images)}`);
    const listed = images.map(([name, megabytes]) => ({ names: [name], sizeBytes: megabytes * MB }));
    return aNodeInfo({ ...node, status: { ...node.status, images: listed } });
  };
  const running = (...images: string[]) =>
    aPodInfo({ containers: images.map((image, i) => ({ name: `c${i}`, image })) });

  it.each<[string, PodInfo, NodeInfo[], number[] | undefined]>([
    ['nobody has', running('hello:1'), [having(), having(['other:1', 500])], undefined],
    ['one of two has', running('hello:1'), [having(['hello:1', 500]), having()], [23, 0]],
    [
      'both have',
      running('hello:1'),
      [having(['hello:1', 500]), having(['hello:1', 500], ['x', 1])],
      [48, 48],
    ],
    ['is small', running('hello:1'), [having(['hello:1', 40]), having()], [0, 0]],
    ['has no tag', running('hello'), [having(['hello:latest', 2046]), having()], [100, 0]],
    ['is one of two', running('a:1', 'b:1'), [having(['a:1', 1000]), having()], [24, 0]],
  ])('an image that %s', (_, pod, infos, want) => {
    expect(scoresOf(imageLocality, pod, infos)).toEqual(want);
  });
});

describe('BoardHealth', () => {
  const board = (name: string, ...types: string[]): NodeInfo => {
    const node = aNode(name);
    const conditions = types.map((type) => ({ type, status: 'True' }));
    return aNodeInfo({ ...node, status: { ...node.status, conditions } });
  };

  it('prefers none where all are well', () => {
    expect(scoresOf(boardHealth, aPodInfo(), [board('a', 'Ready'), board('b')])).toBeUndefined();
  });

  it('likes boards less for the worst that they tell', () => {
    const infos = [
      board('a'),
      board('b', 'HighLoad'),
      board('c', 'HighTemperature', 'HighLoad'),
      board('d', 'Throttled'),
      board('e', 'UnderVoltage', 'Throttled'),
    ];
    expect(scoresOf(boardHealth, aPodInfo(), infos)).toEqual([100, 60, 50, 30, 0]);
  });
});
