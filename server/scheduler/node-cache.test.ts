import { beforeEach, describe, expect, it } from 'vitest';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { aContainer, aNode, aPod } from './fixtures.ts';
import { NodeCache } from './node-cache.ts';

const pod = (uid: string, nodeName?: string, cpu = '1'): Pod =>
  aPod(uid, { nodeName, containers: [aContainer({ cpu })] }, { uid });

let cache: NodeCache;
const used = (): Record<string, number> =>
  Object.fromEntries(cache.infos().map(({ node, requested }) => [node.metadata.name, requested['cpu'] ?? 0]));

beforeEach(() => {
  cache = new NodeCache();
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
    cache.assumePod(pod('1'), 'a');
    cache.setPod(pod('1', 'a'));
    cache.setPod(pod('1', 'a', '2'));
    expect(used()).toEqual({ a: 2000, b: 0 });
  });

  it('moves one that was assumed elsewhere', () => {
    cache.assumePod(pod('1'), 'a');
    cache.setPod(pod('1', 'b'));
    expect(used()).toEqual({ a: 0, b: 1000 });
  });

  it('forgets what was assumed, never what was seen', () => {
    cache.assumePod(pod('1'), 'a');
    expect(cache.isAssumed('1')).toBe(true);
    expect(cache.forgetPod('1')).toBe(true);
    expect(used()).toEqual({ a: 0, b: 0 });
    cache.assumePod(pod('1'), 'a');
    cache.setPod(pod('1', 'a'));
    expect(cache.isAssumed('1')).toBe(false);
    expect(cache.forgetPod('1')).toBe(false);
    expect(used()).toEqual({ a: 1000, b: 0 });
  });

  it('says whether a removed Pod held anything', () => {
    cache.setPod(pod('1', 'a'));
    expect([cache.removePod('1'), cache.removePod('1'), cache.removePod('2')]).toEqual([true, false, false]);
    expect(used()).toEqual({ a: 0, b: 0 });
  });

  it('keeps the Pods of a node that comes back', () => {
    cache.setPod(pod('1', 'a'));
    cache.removeNode('a');
    expect(used()).toEqual({ b: 0 });
    cache.setNode(aNode('a', { allocatable: { cpu: '8' } }));
    expect(used()).toEqual({ a: 1000, b: 0 });
    expect(cache.infos()[0]?.allocatable['cpu']).toBe(8000);
  });

  it('holds nothing of a node that went empty', () => {
    cache.setPod(pod('1', 'a'));
    cache.removeNode('a');
    cache.removePod('1');
    cache.removeNode('never');
    cache.setNode(aNode('a'));
    expect(used()).toEqual({ b: 0, a: 0 });
  });

  it('keeps the figures of nodes where nothing changed', () => {
    const [a, b] = cache.infos();
    expect(cache.infos()).toBe(cache.infos());
    cache.setPod(pod('1', 'b'));
    const [sameA, otherB] = cache.infos();
    expect(sameA).toBe(a);
    expect(otherB).not.toBe(b);
    expect(otherB?.allocatable).toBe(b?.allocatable);
  });

  it('reads a Pod once', () => {
    const one = pod('1');
    expect(cache.podInfo(one)).toBe(cache.podInfo(one));
  });
});
