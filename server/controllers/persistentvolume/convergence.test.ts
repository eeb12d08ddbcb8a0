/** Claims and volumes that come and go, with caches that lag and writes that fail: nobody gets what another has. */
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { persistentvolumes } from '#proto/api/core/persistentvolumes.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { keyOf, parseKey } from '#proto/meta/object.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import { RecordedEvents } from '#server/client/events.ts';
import { InformerFactory } from '#server/client/informer-factory.ts';
import type { ControllerContext } from '#server/controllers/context.ts';
import { ensureLocalPathClass } from '#server/controllers/localpath/ensure-class.ts';
import { createLocalPathController } from '#server/controllers/localpath/localpath.controller.ts';
import { createStorageProtectionController } from '#server/controllers/storageprotection/storageprotection.controller.ts';
import { FakeBoardStorage } from '#server/controllers/testing/fake-board-storage.ts';
import { FlakyClient } from '#server/controllers/testing/flaky-client.ts';
import { LaggingClient } from '#server/controllers/testing/lagging-client.ts';
import { seeded } from '#server/controllers/testing/random.ts';
import { findVolume } from './match.plan.ts';
import { createPersistentVolumeController } from './persistentvolume.controller.ts';

const SEEDS = [1, 2, 3, 5, 8, 13, 21, 34, 55, 16838, 127704, 341517, 20260101, 987654321];
const NAMESPACE = 'shop';
const SELECTED = 'volume.kubernetes.io/selected-node';

interface State {
  readonly claims: readonly PersistentVolumeClaim[];
  readonly volumes: readonly PersistentVolume[];
}

/** True at any moment, in the middle of whatever. */
function expectNobodySharesAVolume({ claims, volumes }: State): void {
  const bound = claims.flatMap(({ spec, status }) => (status?.phase === 'Bound' ? [spec.volumeName] : []));
  expect(new Set(bound).size).toBe(bound.length);
  for (const { metadata, spec, status } of claims) {
    if (status?.phase !== 'Bound') continue;
    const volume = volumes.find((one) => one.metadata.name === spec.volumeName);
    expect(volume?.spec.claimRef?.uid).toBe(metadata.uid);
  }
}

function expectSettled({ claims, volumes }: State, boards: FakeBoardStorage): void {
  for (const claim of claims) {
    const { phase } = claim.status ?? {};
    expect(['Bound', 'Pending']).toContain(phase);
    if (phase === 'Pending') expect(findVolume(claim, volumes)).toBeUndefined();
    if (phase === 'Pending') expect(claim.spec.storageClassName).toBe('');
  }
  const uids = new Set(claims.map(({ metadata }) => metadata.uid));
  for (const { metadata, spec, status } of volumes) {
    const owned = spec.claimRef?.uid !== undefined && uids.has(spec.claimRef.uid);
    expect([metadata.name, status?.phase]).toEqual([
      metadata.name,
      owned ? 'Bound' : spec.claimRef ? 'Released' : 'Available',
    ]);
  }
  // A directory for each volume that was made, and none beside.
  const made = volumes.filter(({ metadata }) => metadata.name?.startsWith('pvc-'));
  expect([...boards.directories].sort()).toEqual(made.map(({ metadata }) => `pi/${metadata.name}`).sort());
}

it.each(SEEDS)('binds all that can be bound, and each once: seed %i', async (seed) => {
  const rng = seeded(seed);
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(rng() * list.length)];
  const clock = new FakeClock();
  const client = new LaggingClient(() => clock.now(), rng);
  const flaky = new FlakyClient(client, rng);
  const boards = new FakeBoardStorage();
  const stop = new AbortController();
  const informers = new InformerFactory({ client: flaky, clock, log: silent, rng });
  const context: ControllerContext = {
    ...{ client: flaky, informers, clock, log: silent, rng },
    recorderFor: () => new RecordedEvents(),
  };
  await ensureLocalPathClass(client, true);
  await client.create(nodes, { metadata: { name: 'pi' }, spec: {} });
  const controllers = [
    createPersistentVolumeController(context),
    createStorageProtectionController(context),
    createLocalPathController(context, boards),
  ];
  informers.start(stop.signal);
  await informers.whenSynced();
  for (const controller of controllers) controller.start(stop.signal);

  const look = async (): Promise<State> => ({
    claims: (await client.list(persistentvolumeclaims)).items,
    volumes: (await client.list(persistentvolumes)).items,
  });
  const settle = async (): Promise<void> => {
    for (let quiet = 0; quiet < 20; ) {
      const calls = client.calls.length;
      await turn();
      quiet = client.calls.length === calls ? quiet + 1 : 0;
    }
  };
  /** The last finalizer may have been quicker. */
  const gone = (work: Promise<void>): Promise<void> =>
    work.catch((err: unknown) => {
      if (!isNotFound(err)) throw err;
    });
  let serial = 0;
  const size = () => pick(['1Gi', '2Gi', '3Gi']) ?? '1Gi';
  const makeClaim = () => {
    const late = rng() < 0.4;
    return client.create(persistentvolumeclaims, {
      ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
      metadata: {
        namespace: NAMESPACE,
        name: `c${serial++}`,
        ...(late ? { annotations: { [SELECTED]: 'pi' } } : {}),
      },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: late ? 'local-path' : '',
        resources: { requests: { storage: size() } },
      },
      status: { phase: 'Pending' },
    });
  };
  const makeVolume = () =>
    client.create(persistentvolumes, {
      ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: `v${serial++}` } },
      spec: {
        accessModes: ['ReadWriteOnce'],
        capacity: { storage: size() },
        persistentVolumeReclaimPolicy: 'Retain',
        hostPath: { path: '/srv' },
      },
      status: { phase: 'Pending' },
    });
  const dropClaim = async () => {
    const claim = pick((await look()).claims);
    if (claim) await gone(client.delete(persistentvolumeclaims, parseKey(keyOf(claim))));
  };
  const dropVolume = async () => {
    const volume = pick((await look()).volumes);
    if (volume) await gone(client.delete(persistentvolumes, parseKey(keyOf(volume))));
  };
  for (let step = 0; step < 60; step += 1) {
    const luck = rng();
    await (luck < 0.4 ? makeClaim() : luck < 0.7 ? makeVolume() : luck < 0.9 ? dropClaim() : dropVolume());
    for (let i = Math.floor(rng() * 12); i > 0; i -= 1) {
      await turn();
      expectNobodySharesAVolume(await look());
    }
    if (rng() < 0.1) boards.away.add('pi');
    if (rng() < 0.2) boards.connect('pi');
    if (rng() < 0.2) await clock.advance(1000);
  }
  flaky.calm = true;
  boards.connect('pi');
  for (let i = 0; i < 40; i += 1) {
    await settle();
    await clock.advance(5000);
  }
  await settle();
  const state = await look();
  expectNobodySharesAVolume(state);
  expectSettled(state, boards);
  stop.abort();
});
