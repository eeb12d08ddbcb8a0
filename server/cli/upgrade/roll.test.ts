import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { StatusError, serviceUnavailable } from '#proto/meta/status-error.ts';
import { MemoryClient } from '#server/client/memory-client.ts';
import type { BoardPages, Source } from './board-page.ts';
import { aSystem } from './fixtures.ts';
import { readMarks } from './interruption.plan.ts';
import { Roll } from './roll.ts';

const source: Source = {
  name: 'coracle',
  board: 'rpi',
  role: 'agent',
  version: '1.3.0',
  sha256: 'x',
  sizeBytes: 4_000_000,
  open: async () => Readable.from([]),
};

/** A board that takes an upgrade as the real one does; each start is done by `boots`. */
class FakeBoard implements BoardPages {
  system_ = aSystem();
  readonly #client: MemoryClient;
  readonly starts: string[] = [];
  /** How much of an upgrade gets through before it hangs. */
  getsThrough = source.sizeBytes;
  boots = true;
  healthy = true;
  inReach = true;

  constructor(client: MemoryClient) {
    this.#client = client;
  }

  version = async () => ({ gitVersion: 'v1.36.3+coracle.1.3.0' });

  system = async () => {
    if (!this.inReach) throw serviceUnavailable('the board has not called in');
    return this.system_;
  };

  async receive(_: string, __: Source, sent: (bytes: number) => void, signal: AbortSignal): Promise<void> {
    sent(this.getsThrough);
    signal.throwIfAborted();
    if (this.getsThrough < source.sizeBytes)
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    this.system_ = { ...this.system_, state: { good: this.system_.slot, try: 'b' } };
  }

  async restart(name: string): Promise<void> {
    this.starts.push(name);
    if (this.boots) await this.boot();
  }

  async boot(): Promise<void> {
    const { state } = this.system_;
    const bootID = `boot ${this.starts.length + 1}`;
    if (this.system_.slot === 'b') this.system_ = { ...this.system_, kernel: this.system_.nextKernel };
    else if (state.try === 'b' && this.healthy)
      this.system_ = {
        ...this.system_,
        slot: 'b',
        version: '1.3.0',
        state: { good: 'b' },
        nextKernel: 'b',
      };
    else this.system_ = { ...this.system_, state: { good: 'a' } };
    const { status } = await this.#client.get(nodes, { name: 'pi' });
    const nodeInfo = { ...status?.nodeInfo, bootID };
    await this.#client.patch(
      nodes,
      { name: 'pi' },
      'merge',
      { status: { nodeInfo } },
      { subresource: 'status' },
    );
  }
}

async function aCluster(spec: object = {}) {
  const client = new MemoryClient();
  const board = new FakeBoard(client);
  const status = { nodeInfo: { bootID: 'boot 1' }, conditions: [{ type: 'Ready', status: 'True' }] };
  await client.create(nodes, { metadata: { name: 'pi' }, spec, status } as never);
  let out = '';
  /** A run that is called off once it has said this. */
  const run = async (until?: RegExp, again = false): Promise<string> => {
    const stop = new AbortController();
    out = '';
    const roll = new Roll({
      client,
      pages: board,
      out: (text) => {
        out += text;
        if (until?.test(text)) stop.abort(new Error('SIGINT'));
      },
      now: () => Date.now(),
      signal: stop.signal,
      timeoutMs: 60_000,
      pollMs: 1,
    });
    const failed = await roll.run([source], { again }).then(
      () => '',
      (err: Error) => err.message,
    );
    return failed ? `${out}! ${failed}\n` : out;
  };
  const node = async () => {
    const { spec, metadata } = await client.get(nodes, { name: 'pi' });
    return { cordoned: spec?.unschedulable === true, marks: readMarks(metadata.annotations) };
  };
  return { client, board, run, node };
}
const free = { cordoned: false, restarting: undefined };
const aMovingPod = {
  metadata: {
    namespace: 'default',
    name: 'web',
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'u', controller: true }],
  },
  spec: { nodeName: 'pi', containers: [] },
};

describe('a roll that is called off', () => {
  it.each([
    ['Pods move', /1 Pod moves/],
    ['the upgrade is on the way', /2 of 4 MB are there/],
  ])('while %s leaves the board as it was', async (_, said) => {
    const { client, board, run, node } = await aCluster();
    board.getsThrough = source.sizeBytes / 2;
    if (said.source.includes('Pod')) {
      await client.create(pods, aMovingPod);
      client.onCall = ({ subresource }) => {
        if (subresource === 'eviction') throw new StatusError('TooManyRequests', 'a budget', { code: 429 });
      };
    }
    expect(await run(said)).toMatch(/interrupted; stays on 1\.2\.0; takes Pods again\n! SIGINT\n$/);
    expect(await node()).toEqual({ cordoned: false, marks: free });
    expect(board.starts).toEqual([]);
  });

  it('while the board checks the upgrade does not tell it to start', async () => {
    const { board, run, node } = await aCluster();
    expect(await run(/the board checks it/)).toMatch(/may try the new system when it starts the next time/);
    expect(await node()).toEqual({ cordoned: false, marks: free });
    expect(board.starts).toEqual([]);
  });

  it.each([
    ['still goes down', false],
    ['has done it', true],
  ])('while the board starts is gone on with by the next run, which finds that it %s', async (_, boots) => {
    const { board, run, node } = await aCluster();
    board.boots = false;
    expect(await run(/is starting again/)).toMatch(/interrupted; was told to start with the new system/);
    const restarting = { slot: 'a', bootId: 'boot 1' } as const;
    expect(await node()).toEqual({ cordoned: true, marks: { cordoned: true, restarting } });
    board.boots = true;
    if (boots) await board.boot();
    expect(await run(undefined, true)).toBe(
      [
        'node "pi": was left while it started with a new system, and is waited for',
        'node "pi": the new system is healthy; starts once more, for its kernel',
        'node "pi": runs the new system',
        'nothing to upgrade',
        '',
      ].join('\n'),
    );
    expect(await node()).toEqual({ cordoned: false, marks: free });
    expect(board.system_).toMatchObject({ version: '1.3.0', kernel: 'b' });
  });

  it('leaves a board that its owner has cordoned as cordoned as it was', async () => {
    const { board, run, node } = await aCluster({ unschedulable: true });
    board.boots = false;
    expect(await run(/is starting again/)).toMatch(/stays cordoned, as it was before/);
    board.boots = true;
    expect(await run()).toMatch(/runs the new system/);
    expect(await node()).toEqual({ cordoned: true, marks: free });
  });

  it('says so when the board is back on the old system in the next run', async () => {
    const { board, run, node } = await aCluster();
    board.boots = false;
    await run(/is starting again/);
    board.healthy = false;
    await board.boot();
    // As if it had been for another reason: the boot is a new one.
    board.starts.push('pi');
    await board.boot();
    expect(await run()).toMatch(/! node "pi": the new system did not become healthy/);
    expect(await node()).toEqual({ cordoned: false, marks: free });
  });
});

it('lets Pods onto a board again that a run which was killed has left cordoned', async () => {
  const { client, board, run, node } = await aCluster({ unschedulable: true });
  await client.patch(nodes, { name: 'pi' }, 'merge', {
    metadata: { annotations: { 'coracle.dev/upgrading': 'yes' } },
  });
  board.system_ = { ...board.system_, version: '1.3.0' };
  expect(await run()).toMatch(/takes Pods again[\s\S]*nothing to upgrade/);
  expect(await node()).toEqual({ cordoned: false, marks: free });
});

it('waits for a board that is Ready and has not called in yet', async () => {
  const { board, client, run } = await aCluster();
  board.inReach = false;
  let looks = 0;
  client.onCall = ({ verb, resource }) => {
    if (verb === 'get' && resource === 'nodes' && ++looks === 3) board.inReach = true;
  };
  expect(await run()).toMatch(/runs 1\.3\.0\n1 board upgraded\n$/);
});
