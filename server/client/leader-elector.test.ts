import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { leases } from '#proto/api/coordination/leases.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { internalError } from '#proto/meta/status-error.ts';
import { RecordedEvents } from './events.ts';
import { LeaderElector } from './leader-elector.ts';
import { MemoryClient } from './memory-client.ts';

const KEY = { namespace: 'kube-system', name: 'kube-scheduler' };

let clock: FakeClock;
let client: MemoryClient;
let events: RecordedEvents;
let ends: (() => void)[];

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
};
const pass = async (ms: number): Promise<void> => {
  await clock.advance(ms);
  await settle();
};

/** A server that takes part: what it does, as it happens. */
class Candidate {
  readonly identity: string;
  readonly did: string[] = [];
  readonly #stop = new AbortController();
  ended: Promise<void> = Promise.resolve();

  constructor(identity: string) {
    this.identity = identity;
    const options = { client, clock, log: silent, rng: () => 0, events, name: KEY.name, identity };
    const elector = new LeaderElector(options);
    this.ended = elector
      .run(this.#stop.signal, (leading) => {
        this.did.push('leads');
        leading.addEventListener('abort', () => this.did.push('stops'));
      })
      .catch((err: Error) => void this.did.push(err.message));
    ends.push(() => this.stop());
  }

  stop(): void {
    this.#stop.abort(new Error('stopped'));
  }
}
const join = async (identity: string): Promise<Candidate> => {
  const candidate = new Candidate(identity);
  await settle();
  return candidate;
};
const spec = async () => (await client.get(leases, KEY)).spec;

beforeEach(() => {
  clock = new FakeClock();
  client = new MemoryClient(() => clock.now());
  events = new RecordedEvents();
  ends = [];
});
afterEach(() => {
  for (const end of ends) end();
});

describe('one alone', () => {
  it('leads at once and says so', async () => {
    const one = await join('one');
    expect(one.did).toEqual(['leads']);
    expect(await spec()).toEqual({
      holderIdentity: 'one',
      leaseDurationSeconds: 60,
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:00:00.000000Z',
      leaseTransitions: 0,
    });
    expect(events.told).toEqual(['Normal LeaderElection one became leader']);
  });

  it('renews with one write every 20 seconds', async () => {
    await join('one');
    client.calls.length = 0;
    await pass(60_000);
    expect(client.calls.map(({ verb }) => verb)).toEqual(['update', 'update', 'update']);
    expect(await spec()).toMatchObject({
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:01:00.000000Z',
    });
  });

  it('gives the Lease back when it stops', async () => {
    const one = await join('one');
    one.stop();
    await one.ended;
    expect(one.did).toEqual(['leads', 'stops']);
    expect(await spec()).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 });
    expect(events.told.at(-1)).toBe('Normal LeaderElection one stopped leading');
  });

  it('leads at once when it comes back after a power cut', async () => {
    await join('one');
    const again = await join('one');
    expect(again.did).toEqual(['leads']);
    expect(await spec()).toMatchObject({ leaseTransitions: 0 });
  });

  it('bears an API that is away for a while', async () => {
    const one = await join('one');
    client.onCall = () => {
      throw internalError('away');
    };
    await pass(20_000);
    client.onCall = undefined;
    await pass(20_000);
    expect(one.did).toEqual(['leads']);
  });

  it('stops before the Lease ends where it can not renew it', async () => {
    const one = await join('one');
    client.onCall = () => {
      throw internalError('away');
    };
    await pass(39_999);
    expect(one.did).toEqual(['leads']);
    await pass(1);
    expect(one.did).toEqual(['leads', 'stops', 'leader election lost: kube-scheduler']);
  });

  it('gives the Lease back where it fails to lead', async () => {
    const options = { client, clock, log: silent, rng: () => 0, events, name: KEY.name, identity: 'one' };
    const run = new LeaderElector(options).run(new AbortController().signal, async () => {
      throw new Error('can not lead');
    });
    await expect(run).rejects.toThrow('can not lead');
    expect(await spec()).toMatchObject({ holderIdentity: '' });
    client.calls.length = 0;
    await pass(60_000);
    expect(client.calls).toEqual([]);
  });

  it('waits where the API is away from the start', async () => {
    client.onCall = () => {
      throw internalError('away');
    };
    const one = await join('one');
    expect(one.did).toEqual([]);
    client.onCall = undefined;
    await pass(20_000);
    expect(one.did).toEqual(['leads']);
  });
});

describe('two', () => {
  it('never lead at once', async () => {
    const [one, two] = [await join('one'), await join('two')];
    await pass(600_000);
    expect([one.did, two.did]).toEqual([['leads'], []]);
  });

  it('follow each other when the first stops in peace', async () => {
    const [one, two] = [await join('one'), await join('two')];
    one.stop();
    await one.ended;
    await pass(20_000);
    expect(two.did).toEqual(['leads']);
    expect(await spec()).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
  });

  it('follow each other a Lease after the first was cut off, which has stopped by then', async () => {
    const one = await join('one');
    const two = await join('two');
    // The first hears nothing more; the second does.
    client.onCall = ({ verb }) => {
      if (verb === 'update') throw internalError('cut off');
    };
    await pass(40_000);
    expect(one.did[1]).toBe('stops');
    client.onCall = undefined;
    expect(two.did).toEqual([]);
    await pass(40_000);
    expect(two.did).toEqual(['leads']);
  });

  it('do not compare their clocks', async () => {
    // Held by a board whose clock stands in 1970.
    await client.create(leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: KEY,
      spec: { holderIdentity: 'old', leaseDurationSeconds: 60, renewTime: '1970-01-01T00:00:00.000000Z' },
    });
    const two = await join('two');
    await pass(59_999);
    expect(two.did).toEqual([]);
    await pass(1);
    expect(two.did).toEqual(['leads']);
  });

  it('stop where another has taken the Lease', async () => {
    const one = await join('one');
    const lease = await client.get(leases, KEY);
    await client.update(leases, { ...lease, spec: { ...lease.spec, holderIdentity: 'thief' } });
    await pass(20_000);
    expect(one.did).toEqual(['leads', 'stops', 'leader election lost: kube-scheduler']);
    expect(await spec()).toMatchObject({ holderIdentity: 'thief' });
  });

  it('only one takes a Lease that both see free', async () => {
    await client.create(leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: KEY,
      spec: { holderIdentity: '', leaseDurationSeconds: 1 },
    });
    const both = [new Candidate('one'), new Candidate('two')];
    await settle();
    expect(both.flatMap(({ did }) => did)).toEqual(['leads']);
  });
});
