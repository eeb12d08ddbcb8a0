import { beforeEach, describe, expect, it } from 'vitest';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { aCluster, aContainer, aNode, aPod } from './fixtures.ts';
import type { NodeCache } from './node-cache.ts';
import { podInfoOf } from './pod-info.plan.ts';

const pod = (uid: string, nodeName?: string, cpu = '1'): Pod =>
  aPod(uid, { nodeName, containers: [aContainer({ cpu })] }, { uid });

let cache: NodeCache;
const used = (): Record<string, number> =>
  Object.fromEntries(cache.nodes.map(({ name, requested }) => [name, requested.cpu]));

beforeEach(() => {
  cache = aCluster([]);
  cache.setNode(aNode('a'));
  cache.setNode(aNode('b'));
});

describe('NodeCache', () => {
  it('adds up what is on a node, in whatever order it hears of it', () => {
    cache.setPod(pod('1', 'a'));
    cache.setPod(pod('2', 'late'));
    cache.setPod(pod('3'));
    expect(used()).toEqual({ a: 1000, b: 0 });
    cache.setNode(aNode('late'));
    expect(used()).toEqual({ a: 1000, b: 0, late: 1000 });
  });

  it('counts a Pod once', () => {
    cache.assumePod(podInfoOf(pod('1')), 'a');
    cache.setPod(pod('1', 'a'));
    cache.setPod(pod('1', 'a', '2'));
    expect(used()).toEqual({ a: 2000, b: 0 });
  });

  it('moves one that was assumed elsewhere', () => {
    cache.assumePod(podInfoOf(pod('1')), 'a');
    cache.setPod(pod('1', 'b'));
    expect(used()).toEqual({ a: 0, b: 1000 });
  });

  it('forgets what was assumed, never what was seen', () => {
    cache.assumePod(podInfoOf(pod('1')), 'a');
    expect(cache.isAssumed('1')).toBe(true);
    expect(cache.forgetPod('1')).toBe(true);
    expect(used()).toEqual({ a: 0, b: 0 });
    cache.assumePod(podInfoOf(pod('1')), 'a');
    cache.setPod(pod('1', 'a'));
    expect(cache.isAssumed('1')).toBe(false);
    expect(cache.forgetPod('1')).toBe(false);
    expect(used()).toEqual({ a: 1000, b: 0 });
  });

  it('says whether a removed Pod held anything', () => {
    cache.setPod(pod('1', 'a'));
    expect([cache.removePod('1')?.nodeName, cache.removePod('1'), cache.removePod('2')]).toEqual([
      'a',
      undefined,
      undefined,
    ]);
    expect(used()).toEqual({ a: 0, b: 0 });
  });

  it('keeps the Pods of a node that comes back', () => {
    cache.setPod(pod('1', 'a'));
    cache.removeNode('a');
    expect(used()).toEqual({ b: 0 });
    cache.setNode(aNode('a', { allocatable: { cpu: '8' } }));
    expect(used()).toEqual({ a: 1000, b: 0 });
    expect(cache.node('a')?.allocatable.cpu).toBe(8000);
  });

  it('holds nothing of a node that went empty', () => {
    cache.setPod(pod('1', 'a'));
    cache.removeNode('a');
    cache.removePod('1');
    cache.removeNode('never');
    cache.setNode(aNode('a'));
    expect(used()).toEqual({ b: 0, a: 0 });
  });

  it('remembers who waits for room where', () => {
    const [one, two] = ['1', '2'].map((uid) => podInfoOf(pod(uid)));
    if (!one || !two) throw new Error('no Pods');
    cache.nominate(one, 'a');
    cache.nominate(two, 'a');
    cache.nominate(one, 'b');
    expect(cache.nominated('a')).toEqual([two]);
    expect([cache.nominationOf('1'), cache.nominationOf('2')]).toEqual(['b', 'a']);
    cache.nominate(two, undefined);
    expect(cache.nominated('a')).toEqual([]);
  });

  it('puts back what was taken away', () => {
    cache.setPod(pod('1', 'a'));
    const placed = cache.removePod('1');
    if (placed) cache.restorePod(placed);
    expect(used()).toEqual({ a: 1000, b: 0 });
    expect(cache.isAssumed('1')).toBe(false);
  });

  it('takes zones in turns', () => {
    for (const [name, zone] of [
      ['e1', 'east'],
      ['e2', 'east'],
      ['w1', 'west'],
    ] as const)
      cache.setNode(aNode(name, { labels: { 'topology.kubernetes.io/zone': zone } }));
    expect(cache.nodes.map(({ name }) => name)).toEqual(['a', 'e1', 'w1', 'b', 'e2']);
  });

  it('reads a Pod once', () => {
    const one = pod('1');
    expect(cache.podInfo(one)).toBe(cache.podInfo(one));
  });
});
