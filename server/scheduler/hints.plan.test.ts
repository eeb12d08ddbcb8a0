import { describe, expect, it } from 'vitest';
import type { PodSpec } from '#proto/schema/generated/core-v1.ts';
import type { ClusterChange } from './changes.plan.ts';
import { FILTERS } from './filter/index.ts';
import { aCluster, aContainer, aNode, aNodeInfo, aPod, aPodInfo } from './fixtures.ts';
import { hint } from './hints.plan.ts';
import type { NodeCache } from './node-cache.ts';
import type { NodeInfo } from './node-info.plan.ts';

const cpu = (amount: string): Partial<PodSpec> => ({ containers: [aContainer({ cpu: amount })] });
const LABELS = { app: 'web' };
/** One node of four CPUs with these Pods, by CPU and priority. */
const cluster = (...there: [string, number][]): NodeCache =>
  aCluster([
    aNodeInfo(
      aNode('a'),
      there.map(([amount, priority]) => aPod('there', { ...cpu(amount), priority }, { labels: LABELS })),
    ),
  ]);
const node = (there: NodeCache): NodeInfo => there.node('a') as NodeInfo;

interface Asked {
  readonly spec?: Partial<PodSpec>;
  readonly by?: string[];
  readonly nominatedNode?: string;
}
function ask(there: NodeCache, type: ClusterChange['type'], asked: Asked = {}, relabelled = false): string {
  const { spec = cpu('2'), by = ['NodeResourcesFit'], nominatedNode } = asked;
  const other = aPodInfo({}, { labels: LABELS });
  const changes: Record<ClusterChange['type'], ClusterChange> = {
    node: { type: 'node', node: node(there), relabelled },
    'pod gone': { type: 'pod gone', pod: other, node: node(there) },
    'pod placed': { type: 'pod placed', pod: other, node: node(there) },
    volume: { type: 'volume' },
    namespace: { type: 'namespace' },
  };
  const pod = aPodInfo(spec, { uid: 'me', labels: LABELS });
  const input = { pod, by: new Set(by), nominatedNode, change: changes[type] };
  return hint({ ...input, cluster: there, filters: FILTERS }).type;
}
const company: Partial<PodSpec> = {
  affinity: {
    podAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'db' } } },
      ],
    },
  },
};
const distance: Partial<PodSpec> = {
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: LABELS } },
      ],
    },
  },
};

describe('a Pod that was refused for its own amounts', () => {
  it.each<[string, NodeCache, ClusterChange['type'], Asked, string]>([
    ['room was made', cluster(['2', 0]), 'pod gone', {}, 'fits'],
    ['too little room was made', cluster(['3', 0]), 'pod gone', {}, 'no'],
    ['a node came', cluster(), 'node', {}, 'fits'],
    ['there were no nodes before', cluster(['4', 0]), 'node', { by: [''] }, 'fits'],
    ['somebody was placed', cluster(), 'pod placed', {}, 'no'],
    ['a volume has changed', cluster(), 'volume', {}, 'no'],
    ['others could be sent away', cluster(['3', -1]), 'pod gone', {}, 'maybe'],
    [
      'others could be, but it sends nobody',
      cluster(['3', -1]),
      'pod gone',
      { spec: { ...cpu('2'), preemptionPolicy: 'Never' } },
      'no',
    ],
    [
      'it waits elsewhere for those it has sent away',
      cluster(['3', -1]),
      'pod gone',
      { nominatedNode: 'b' },
      'no',
    ],
    ['the last of them has gone', cluster(['2', 0]), 'pod gone', { nominatedNode: 'a' }, 'fits'],
    ['one of them has gone', cluster(['3', 0]), 'pod gone', { nominatedNode: 'a' }, 'no'],
    ['its room was taken', cluster(['3', 0]), 'pod placed', { nominatedNode: 'a' }, 'maybe'],
    ['its node has shrunk', cluster(['3', 0]), 'node', { nominatedNode: 'a' }, 'maybe'],
  ])('because %s', (_, there, type, asked, want) => {
    expect(ask(there, type, asked)).toBe(want);
  });
});

describe('a Pod that was refused for others', () => {
  const by = ['InterPodAffinity'];

  it.each<[string, NodeCache, ClusterChange['type'], Asked, string]>([
    ['one came who may be its company', cluster(), 'pod placed', { spec: company, by }, 'maybe'],
    ['one came, and it wants distance', cluster(), 'pod placed', { spec: distance, by }, 'no'],
    ['one went who was too close', cluster(), 'pod gone', { spec: distance, by }, 'maybe'],
    ['a node changed, with nobody near', cluster(), 'node', { spec: distance, by }, 'fits'],
    ['a node changed, with somebody near', cluster(['1', 0]), 'node', { spec: distance, by }, 'no'],
    ['namespaces have changed', cluster(), 'namespace', { spec: company, by }, 'maybe'],
    ['a volume has changed', cluster(), 'volume', { by: ['VolumeBinding'] }, 'maybe'],
  ])('because %s', (_, there, type, asked, want) => {
    expect(ask(there, type, asked)).toBe(want);
  });

  it('is asked again where a node has other labels', () => {
    expect(ask(cluster(['1', 0]), 'node', { spec: company, by }, true)).toBe('maybe');
  });
});
