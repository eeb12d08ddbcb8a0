import { describe, expect, it } from 'vitest';
import type { PodAffinityTerm, PodSpec, TopologySpreadConstraint } from '#proto/schema/generated/core-v1.ts';
import { aCluster, aNode, aNodeInfo, aPod, aPodInfo } from '../fixtures.ts';
import type { NodeCache } from '../node-cache.ts';
import type { NodeInfo } from '../node-info.plan.ts';
import type { PodInfo } from '../pod-info.plan.ts';
import type { Filter, WhatIf } from './filter.ts';
import { interPodAffinity } from './inter-pod-affinity.ts';
import { podTopologySpread } from './pod-topology-spread.ts';

const ZONE = 'topology.kubernetes.io/zone';
const UNEVEN = "node(s) didn't match pod topology spread constraints";
const NO_COMPANY = "node(s) didn't match pod affinity rules";
const TOO_CLOSE = "node(s) didn't match pod anti-affinity rules";
const UNWELCOME = "node(s) didn't satisfy existing pods anti-affinity rules";

const web = { app: 'web' };
/** `a east web web` is a node `a` in the zone `east` with two Pods of the app `web`; `-` is no zone. */
function cluster(...lines: string[]): NodeCache {
  const infos = lines.map((line) => {
    const [name = '', zone = '', ...apps] = line.split(' ');
    const labels = zone === '-' ? {} : { [ZONE]: zone };
    return aNodeInfo(
      aNode(name, { labels }),
      apps.map((app) => aPod(app, {}, { labels: { app } })),
    );
  });
  return aCluster(infos, { namespaceLabels: (name) => (name === 'default' ? { team: 'a' } : undefined) });
}
function ask(filter: Filter, pod: PodInfo, there: NodeCache, whatIf?: WhatIf): Record<string, string> {
  const prepared = filter.prepare(pod, there);
  if (typeof prepared !== 'function') return Object.fromEntries(there.nodes.map(({ name }) => [name, '']));
  const answers = there.nodes.map((node) => [node.name, prepared(node, whatIf)?.reasons[0] ?? '']);
  return Object.fromEntries(answers) as Record<string, string>;
}
const fitting = (answers: Record<string, string>): string[] =>
  Object.keys(answers)
    .filter((name) => answers[name] === '')
    .sort();

describe('PodTopologySpread', () => {
  const spread = (over: Partial<TopologySpreadConstraint> = {}): TopologySpreadConstraint => ({
    ...{
      maxSkew: 1,
      topologyKey: ZONE,
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: web },
    },
    ...over,
  });
  const pod = (spec: Partial<PodSpec> = {}, over: Partial<TopologySpreadConstraint> = {}) =>
    aPodInfo({ topologySpreadConstraints: [spread(over)], ...spec }, { labels: { ...web, v: '2' } });

  it.each<[string, PodInfo, string[], string[]]>([
    ['goes where fewest are', pod(), ['a east web', 'b west'], ['b']],
    ['counts the zone, not the node', pod(), ['a east web', 'b east', 'c west'], ['c']],
    ['goes anywhere while all are even', pod(), ['a east web', 'b west web'], ['a', 'b']],
    ['bears a larger skew', pod({}, { maxSkew: 2 }), ['a east web', 'b west'], ['a', 'b']],
    ['counts no other Pods', pod(), ['a east db db', 'b west'], ['a', 'b']],
    [
      'counts only Pods of its version',
      pod({}, { matchLabelKeys: ['v'] }),
      ['a east web web', 'b west'],
      ['a', 'b'],
    ],
    ['needs the label', pod(), ['a east web', 'b west web', 'c -'], ['a', 'b']],
    ['wants more domains', pod({}, { minDomains: 3 }), ['a east web', 'b west'], ['b']],
    ['has domains enough', pod({}, { minDomains: 2 }), ['a east web', 'b west web'], ['a', 'b']],
    [
      'does not count itself',
      pod({}, { labelSelector: { matchLabels: { app: 'db' } } }),
      ['a east db', 'b west'],
      ['a', 'b'],
    ],
    [
      'counts nodes that it may go to',
      pod({ nodeSelector: { [ZONE]: 'east' } }),
      ['a east web', 'b west'],
      ['a', 'b'],
    ],
    [
      'counts all nodes where it says so',
      pod({ nodeSelector: { [ZONE]: 'east' } }, { nodeAffinityPolicy: 'Ignore' }),
      ['a east web', 'b west'],
      ['b'],
    ],
    ['has an absent selector', pod({}, { labelSelector: undefined }), ['a east web', 'b west'], ['a', 'b']],
  ])('a Pod that %s', (_, info, lines, want) => {
    expect(fitting(ask(podTopologySpread, info, cluster(...lines)))).toEqual(want);
  });

  it('says what is wrong', () => {
    expect(ask(podTopologySpread, pod(), cluster('a east web', 'b west', 'c -'))).toEqual({
      a: UNEVEN,
      b: '',
      c: `${UNEVEN} (missing required label)`,
    });
  });

  it('leaves tainted nodes out where it is told to', () => {
    const taints = [{ key: 'k', effect: 'NoSchedule' }];
    const there = cluster('a east web');
    there.setNode(aNode('b', { labels: { [ZONE]: 'west' }, spec: { taints } }));
    expect(fitting(ask(podTopologySpread, pod(), there))).toEqual(['b']);
    expect(fitting(ask(podTopologySpread, pod({}, { nodeTaintsPolicy: 'Honor' }), there))).toEqual([
      'a',
      'b',
    ]);
  });

  it('has nothing to say of a Pod that only prefers', () => {
    const only = pod({}, { whenUnsatisfiable: 'ScheduleAnyway' });
    expect(podTopologySpread.prepare(only, cluster('a east'))).toBeUndefined();
  });

  it.each<[string, string[], number, number, string[]]>([
    ['one less in the fullest place', ['a east web web', 'b west web'], 1, 0, ['a', 'b']],
    ['one less in the emptiest', ['a east web', 'b west web', 'c south web web'], 1, 0, ['a', 'b', 'c']],
    ['one more in the emptiest', ['a east web', 'b west web'], 0, 1, []],
  ])('what if there were %s', (_, lines, removed, added, want) => {
    const one = aPodInfo({}, { labels: web });
    const whatIf = { removed: Array(removed).fill(one), added: Array(added).fill(one) };
    const there = cluster(...lines);
    const prepared = podTopologySpread.prepare(pod(), there);
    if (typeof prepared !== 'function') throw new Error('it has nothing to say');
    const names = there.nodes.filter((node) => !prepared(node, whatIf)).map(({ name }) => name);
    expect(names.sort()).toEqual(want);
  });
});

describe('InterPodAffinity', () => {
  const term = (over: Partial<PodAffinityTerm> = {}): PodAffinityTerm => ({
    topologyKey: ZONE,
    labelSelector: { matchLabels: { app: 'db' } },
    ...over,
  });
  const near = (...terms: PodAffinityTerm[]): Partial<PodSpec> => ({
    affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
  });
  const far = (...terms: PodAffinityTerm[]): Partial<PodSpec> => ({
    affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
  });
  const pod = (spec: Partial<PodSpec>, metadata = {}) => aPodInfo(spec, { labels: web, ...metadata });
  const withKey = (operator: string, ...values: string[]) =>
    term({
      labelSelector: { matchExpressions: [{ key: 'app', operator, ...(values[0] ? { values } : {}) }] },
    });
  const own = term({ labelSelector: { matchLabels: web } });
  const LINES = ['a east db', 'b east', 'c west', 'd -'];

  it.each<[string, PodInfo, string[]]>([
    ['wants company in the zone', pod(near(term())), ['a', 'b']],
    ['wants it on the node', pod(near(term({ topologyKey: 'kubernetes.io/hostname' }))), ['a']],
    ['wants company of nobody', pod(near(term({ labelSelector: undefined }))), []],
    ['wants company of anybody', pod(near(term({ labelSelector: {} }))), ['a', 'b']],
    ['wants company in another namespace', pod(near(term({ namespaces: ['other'] }))), []],
    ['wants company in its own', pod(near(term({ namespaces: ['default', 'other'] }))), ['a', 'b']],
    [
      'selects namespaces',
      pod(near(term({ namespaceSelector: { matchLabels: { team: 'a' } } })), { namespace: 'other' }),
      ['a', 'b'],
    ],
    [
      'selects others',
      pod(near(term({ namespaceSelector: { matchLabels: { team: 'b' } } })), { namespace: 'other' }),
      [],
    ],
    ['selects all', pod(near(term({ namespaceSelector: {} })), { namespace: 'other' }), ['a', 'b']],
    ['is in another namespace', pod(near(term()), { namespace: 'other' }), []],
    ['In', pod(near(withKey('In', 'db', 'x'))), ['a', 'b']],
    ['NotIn', pod(near(withKey('NotIn', 'db'))), ['a', 'b', 'c']],
    ['Exists', pod(near(withKey('Exists'))), ['a', 'b']],
    ['DoesNotExist', pod(near(withKey('DoesNotExist'))), []],
    ['is the first of its kind', pod(near(own)), ['a', 'b', 'c']],
    ['is not of the kind it wants', pod(near(term({ labelSelector: { matchLabels: { app: 'x' } } }))), []],
    ['wants company of two kinds at once', pod(near(term(), own)), []],
    ['wants distance in the zone', pod(far(term())), ['c', 'd']],
    ['wants distance of itself', pod(far(own)), ['a', 'b', 'c', 'd']],
    ['wants distance of one of two', pod(far(own, term())), ['c', 'd']],
  ])('a Pod that %s', (_, info, want) => {
    expect(fitting(ask(interPodAffinity, info, cluster(...LINES)))).toEqual(want);
  });

  const dislikes = (metadata = {}) => aPod('db', far(own), { uid: 'db', labels: { app: 'db' }, ...metadata });
  const where = (cache: NodeCache, nodeName: string, one = dislikes()): NodeCache => {
    cache.setPod({ ...one, spec: { ...one.spec, nodeName } });
    return cache;
  };

  it('keeps away from Pods that will not have it', () => {
    const there = where(cluster('a east', 'b east', 'c west'), 'a');
    expect(ask(interPodAffinity, pod({}), there)).toEqual({ a: UNWELCOME, b: UNWELCOME, c: '' });
    expect(fitting(ask(interPodAffinity, pod({}, { labels: { app: 'x' } }), there))).toEqual(['a', 'b', 'c']);
    expect(fitting(ask(interPodAffinity, pod({}, { namespace: 'other' }), there))).toEqual(['a', 'b', 'c']);
    there.removePod('db');
    expect(fitting(ask(interPodAffinity, pod({}), there))).toEqual(['a', 'b', 'c']);
  });

  it('says what is wrong', () => {
    const there = where(cluster('a east', 'b west db'), 'a', dislikes({ labels: { app: 'x' } }));
    expect(ask(interPodAffinity, pod(near(term())), there)).toEqual({ a: NO_COMPANY, b: '' });
    expect(ask(interPodAffinity, pod(far(term())), there)).toEqual({ a: UNWELCOME, b: TOO_CLOSE });
  });

  it('follows a node that moves to another zone', () => {
    const there = where(cluster('a east', 'b east', 'c west'), 'a');
    there.setNode(aNode('a', { labels: { [ZONE]: 'west' } }));
    expect(fitting(ask(interPodAffinity, pod({}), there))).toEqual(['b']);
  });

  const node = (there: NodeCache, name: string): NodeInfo => there.node(name) as NodeInfo;
  const db = aPodInfo({}, { labels: { app: 'db' } });
  const minding = aPodInfo(far(own), { uid: 'minding' });
  const awaiting = (there: NodeCache, one: PodInfo): NodeCache => {
    there.nominate(one, 'a');
    return there;
  };

  it.each<[string, PodInfo, NodeCache, WhatIf, boolean]>([
    ['the company went', pod(near(term())), cluster('a east db'), { removed: [db], added: [] }, false],
    ['company came', pod(near(term())), cluster('a east', 'b west db'), { removed: [], added: [db] }, true],
    [
      'the last of its kind went',
      pod(near(own)),
      cluster('a east web'),
      { removed: [pod({})], added: [] },
      true,
    ],
    ['the disturber went', pod(far(term())), cluster('a east db'), { removed: [db], added: [] }, true],
    ['one of two went', pod(far(term())), cluster('a east db db'), { removed: [db], added: [] }, false],
    ['a disturber came', pod(far(term())), cluster('a east'), { removed: [], added: [db] }, false],
    [
      'one went who would not have it',
      pod({}),
      where(cluster('a east'), 'a'),
      { removed: [aPodInfo(far(own), { labels: { app: 'db' } })], added: [] },
      true,
    ],
    [
      'one came who will not',
      pod({}),
      awaiting(cluster('a east'), minding),
      { removed: [], added: [minding] },
      false,
    ],
  ])('what if %s', (_, info, there, whatIf, want) => {
    const prepared = interPodAffinity.prepare(info, there);
    const fits = typeof prepared !== 'function' || !prepared(node(there, 'a'), whatIf);
    expect(fits).toBe(want);
  });
});
