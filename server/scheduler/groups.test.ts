/** Groups are placed all or not at all. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { POD_GROUP, POD_GROUP_MIN, POD_GROUP_TIMEOUT } from './annotations.plan.ts';
import { aContainer, aNode, aPod } from './fixtures.ts';
import { SchedulerHarness } from './testing/harness.ts';

let h: SchedulerHarness;
const group = (min = 3, name = 'train', more: Record<string, string> = {}) => ({
  labels: { [POD_GROUP]: name },
  annotations: { [POD_GROUP_MIN]: String(min), ...more },
});
const grouped = (name: string, min = 3) => aPod(name, { containers: [aContainer({ cpu: '1' })] }, group(min));
const bound = async (): Promise<string[]> =>
  Object.entries(await h.placed())
    .filter(([, nodeName]) => nodeName !== '')
    .map(([name]) => name)
    .sort();

beforeEach(() => {
  h = new SchedulerHarness();
});
afterEach(() => h.stop());

describe('a group', () => {
  it('waits for its Pods, and says so', async () => {
    await h.boards('4', '4');
    await h.start();
    await h.create('a', '1', {}, group());
    await h.create('b', '1', {}, group());
    await h.pass(60_000);
    expect(await bound()).toEqual([]);
    expect(await h.messageOf('a')).toBe('pod group waits for its pods: 2 of at least 3 are there');
    await h.create('c', '1', {}, group());
    await h.pass(20_000);
    expect(await bound()).toEqual(['a', 'b', 'c']);
  });

  it('takes no place while there is not one for each', async () => {
    await h.boards('1', '1');
    for (const name of ['a', 'b', 'c']) await h.client.create(pods, grouped(name));
    await h.start();
    await h.pass(60_000);
    expect(await bound()).toEqual([]);
    expect(h.calls('post', 'binding')).toEqual([]);
    const messages = await Promise.all(['a', 'b', 'c'].map((name) => h.messageOf(name)));
    expect(messages.filter((m) => m?.startsWith('pod group waits for room: 2 of at least 3'))).toHaveLength(
      2,
    );
    expect(messages.filter((m) => m?.startsWith('0/2 nodes are available: 2 Insufficient cpu'))).toHaveLength(
      1,
    );
    // What it does not use, others may.
    await h.create('single', '1');
    expect(await bound()).toEqual(['single']);
    await h.client.create(nodes, aNode('board-2', { allocatable: { cpu: '2' } }));
    await h.pass(20_000);
    expect(await bound()).toEqual(['a', 'b', 'c', 'single']);
  });

  it('is bound as far as it goes beyond its minimum', async () => {
    await h.boards('2');
    for (const name of ['a', 'b', 'c']) await h.client.create(pods, grouped(name, 2));
    await h.start();
    expect(await bound()).toHaveLength(2);
    await h.client.create(nodes, aNode('board-1', { allocatable: { cpu: '1' } }));
    await h.pass(20_000);
    expect(await bound()).toHaveLength(3);
  });

  it('counts those of it that have a node', async () => {
    await h.boards('4');
    await h.create('a', '1', { nodeName: 'board-0' }, group(2));
    await h.start();
    await h.create('b', '1', {}, group(2));
    expect(await bound()).toEqual(['a', 'b']);
  });

  it('is one of its namespace, and of its name', async () => {
    await h.boards('4');
    await h.start();
    await h.create('a', '1', {}, group(2, 'one'));
    await h.create('b', '1', {}, group(2, 'two'));
    await h.create('c', '1', {}, { ...group(2, 'one'), namespace: 'other' });
    await h.pass(20_000);
    expect(await bound()).toEqual([]);
  });

  it('may be named by an annotation', async () => {
    await h.boards('4');
    await h.start();
    await h.create('a', '1', {}, { annotations: { [POD_GROUP]: 'train', [POD_GROUP_MIN]: '2' } });
    expect(await bound()).toEqual([]);
    await h.create('b', '1', {}, group(2));
    await h.pass(20_000);
    expect(await bound()).toEqual(['a', 'b']);
  });
});

describe('a group that is more important', () => {
  const high = { priority: 10 };
  const lows = async (...names: string[]): Promise<void> => {
    for (const name of names) await h.create(name, '1', { priority: 1 });
  };

  it('sends nobody away where that would not be enough', async () => {
    await h.boards('1', '1');
    await h.start();
    await lows('x', 'y');
    for (const name of ['a', 'b', 'c']) await h.create(name, '1', high, group());
    await h.pass(60_000);
    expect(h.calls('delete')).toEqual([]);
    expect(await bound()).toEqual(['x', 'y']);
  });

  it('sends away as many as it needs, and comes as a whole', async () => {
    await h.boards('1', '1', '1');
    await h.start();
    await lows('x', 'y');
    for (const name of ['a', 'b', 'c']) await h.create(name, '1', high, group());
    await h.pass(5_000);
    expect(h.calls('delete')).toHaveLength(2);
    expect(await bound()).toEqual(['x', 'y']);
    await h.letGo();
    await h.pass(20_000);
    expect(await bound()).toEqual(['a', 'b', 'c']);
  });

  it('holds the room that is made for it no longer than it says', async () => {
    await h.boards('1', '1');
    await h.start();
    await lows('x');
    for (const name of ['a', 'b'])
      await h.create(name, '1', high, group(2, 'train', { [POD_GROUP_TIMEOUT]: '60' }));
    await h.pass(5_000);
    expect((await h.pod('a')).status?.nominatedNodeName).toBeDefined();
    await h.create('late', '1', { priority: 10 });
    expect(await h.nodeOf('late')).toBeUndefined();
    await h.pass(54_999);
    expect(await h.nodeOf('late')).toBeUndefined();
    await h.pass(1);
    expect(await h.nodeOf('late')).toBeDefined();
  });
});
