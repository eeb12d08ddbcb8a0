import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { persistentvolumes } from '#proto/api/core/persistentvolumes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { storageclasses } from '#proto/api/storage/storageclasses.ts';
import { keyOf } from '#proto/meta/object.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import { newestDefault } from '#server/apiserver/admission/newest-default.ts';
import type { Outcome } from '#server/client/work-queue.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import { isPodTerminal } from '#server/controllers/pod-state.ts';
import { claimsOf } from '#server/controllers/storageprotection/storageprotection.plan.ts';
import { boundClaim, boundVolume, claimInPhase, unboundVolume, volumeInPhase } from './binding.plan.ts';
import { type ClaimStep, type ClaimView, planClaim } from './claim.plan.ts';
import {
  BETA_DEFAULT_CLASS,
  BETA_STORAGE_PROVISIONER,
  BIND_COMPLETED,
  claimKeyOf,
  DEFAULT_CLASS,
  STORAGE_PROVISIONER,
} from './storage-facts.ts';
import { planVolume, type VolumeStep } from './volume.plan.ts';

const BY_CLAIM = 'claim';
const UNBOUND = 'unbound';
/** What a claim waits for is told again now and then: events live an hour. */
const TELL_AGAIN_MS = 30 * 60_000;

/**
 * Brings claims and volumes together, and apart. Keys are `claim/<namespace>/<name>` and `volume/<name>`, with one worker for
 * all: two claims never reach for the same volume. What it writes it writes at the revision that it has seen.
 */
export function createPersistentVolumeController(context: ControllerContext): Controller {
  const { client, informers } = context;
  const events = context.recorderFor('persistentvolume-controller');
  const claims = informers.for(persistentvolumeclaims);
  const volumes = informers.for(persistentvolumes);
  const classes = informers.for(storageclasses);
  const allPods = informers.for(pods);
  const isUnbound = ({ metadata }: PersistentVolumeClaim): boolean =>
    metadata.annotations?.[BIND_COMPLETED] === undefined;
  claims.addIndex(UNBOUND, (claim) => (isUnbound(claim) ? ['yes'] : []));
  volumes.addIndex(BY_CLAIM, ({ spec }) => (spec.claimRef ? [claimKeyOf(spec.claimRef)] : []));
  allPods.addIndex(BY_CLAIM, (pod) => claimsOf(pod).map((name) => `${pod.metadata.namespace}/${name}`));

  const view: ClaimView = {
    volume: (name) => volumes.get(name),
    volumes: () => volumes.values(),
    storageClass: (name) => classes.get(name),
    defaultClass: () => newestDefault(classes.list(), [DEFAULT_CLASS, BETA_DEFAULT_CLASS]),
    waitingPods: (claim) =>
      allPods
        .byIndex(BY_CLAIM, keyOf(claim))
        .filter((pod) => !pod.spec.nodeName && !isPodTerminal(pod))
        .map(({ metadata }) => metadata.name ?? ''),
  };

  const queue = createQueue(
    context,
    'persistentvolume-binder',
    (key) =>
      key.startsWith('claim/')
        ? syncClaim(key.slice('claim/'.length))
        : syncVolume(key.slice('volume/'.length)),
    1,
  );

  async function syncClaim(key: string): Promise<Outcome> {
    const claim = claims.get(key);
    if (!claim) return undefined;
    let current = claim;
    const steps = planClaim(claim, view);
    for (const step of steps) current = await actOnClaim(current, step);
    return steps.some(({ type }) => type === 'event') ? { requeueAfterMs: TELL_AGAIN_MS } : undefined;
  }

  async function actOnClaim(claim: PersistentVolumeClaim, step: ClaimStep): Promise<PersistentVolumeClaim> {
    switch (step.type) {
      case 'bind':
        return bind(claim, step.volume);
      case 'pending':
        return writeClaim(claim, claimInPhase(claim, 'Pending'), 'status');
      case 'lost': {
        if (claim.status?.phase === 'Lost') return claim;
        const lost = await writeClaim(claim, claimInPhase(claim, 'Lost'), 'status');
        events.event(lost, step.words);
        return lost;
      }
      case 'event':
        events.event(claim, step.words);
        return claim;
      case 'assignClass':
        return writeClaim(claim, { ...claim, spec: { ...claim.spec, storageClassName: step.name } });
      case 'tellProvisioner': {
        const annotations = {
          ...claim.metadata.annotations,
          [BETA_STORAGE_PROVISIONER]: step.name,
          [STORAGE_PROVISIONER]: step.name,
        };
        return writeClaim(claim, { ...claim, metadata: { ...claim.metadata, annotations } });
      }
    }
  }

  async function bind(
    claim: PersistentVolumeClaim,
    volume: PersistentVolume,
  ): Promise<PersistentVolumeClaim> {
    const kept = await writeVolume(volume, boundVolume(volume, claim));
    await writeVolume(kept, volumeInPhase(kept, 'Bound'), 'status');
    const told = await writeClaim(claim, boundClaim(claim, kept));
    return writeClaim(told, claimInPhase(told, 'Bound', kept), 'status');
  }

  async function syncVolume(name: string): Promise<void> {
    const volume = volumes.get(name);
    if (!volume) return;
    let current = volume;
    const claim = await claimOf(volume);
    for (const step of planVolume(volume, claim)) current = await actOnVolume(current, claim, step);
  }

  /** The claim that a volume names. The cache may be behind, and a volume that is released by mistake is data that is lost: ask. */
  async function claimOf({ spec }: PersistentVolume): Promise<PersistentVolumeClaim | undefined> {
    const { claimRef } = spec;
    if (!claimRef?.uid) return undefined;
    const cached = claims.get(claimKeyOf(claimRef));
    if (cached?.metadata.uid === claimRef.uid) return cached;
    const key = { namespace: claimRef.namespace, name: claimRef.name ?? '' };
    try {
      const claim = await client.get(persistentvolumeclaims, key);
      return claim.metadata.uid === claimRef.uid ? claim : undefined;
    } catch (err) {
      if (isNotFound(err)) return undefined;
      throw err;
    }
  }

  async function actOnVolume(
    volume: PersistentVolume,
    claim: PersistentVolumeClaim | undefined,
    step: VolumeStep,
  ): Promise<PersistentVolume> {
    switch (step.type) {
      case 'phase':
        return writeVolume(volume, volumeInPhase(volume, step.phase), 'status');
      case 'failed': {
        const { words } = step;
        if (volume.status?.phase === 'Failed') return volume;
        const failed = await writeVolume(volume, volumeInPhase(volume, 'Failed', words.message), 'status');
        events.event(failed, words);
        return failed;
      }
      case 'unbind': {
        const free = await writeVolume(volume, unboundVolume(volume));
        return writeVolume(free, volumeInPhase(free, 'Available'), 'status');
      }
      case 'lookAtClaim':
        queue.add(`claim/${claimKeyOf(volume.spec.claimRef ?? {})}`);
        return volume;
      case 'event':
        events.event(volume, step.words);
        return volume;
      case 'claimEvent':
        if (claim) events.event(claim, step.words);
        return volume;
    }
  }

  const writeClaim = (
    claim: PersistentVolumeClaim,
    next: PersistentVolumeClaim | undefined,
    subresource?: 'status',
  ): Promise<PersistentVolumeClaim> =>
    next
      ? client.update(persistentvolumeclaims, next, subresource ? { subresource } : {})
      : Promise.resolve(claim);
  const writeVolume = (
    volume: PersistentVolume,
    next: PersistentVolume | undefined,
    subresource?: 'status',
  ): Promise<PersistentVolume> =>
    next
      ? client.update(persistentvolumes, next, subresource ? { subresource } : {})
      : Promise.resolve(volume);

  const lookAtUnbound = (): void => {
    for (const claim of claims.byIndex(UNBOUND, 'yes')) queue.add(`claim/${keyOf(claim)}`);
  };
  claims.onChange((type, claim) => {
    const key = keyOf(claim);
    if (type !== 'DELETED') queue.add(`claim/${key}`);
    // Whatever names it, or is named by it: a claim that goes releases its volume, and one that is bound frees the others.
    for (const volume of volumes.byIndex(BY_CLAIM, key)) queue.add(`volume/${keyOf(volume)}`);
    if (claim.spec.volumeName) queue.add(`volume/${claim.spec.volumeName}`);
  });
  volumes.onChange((type, volume, old) => {
    if (type !== 'DELETED') queue.add(`volume/${keyOf(volume)}`);
    const { claimRef } = volume.spec;
    if (claimRef) queue.add(`claim/${claimKeyOf(claimRef)}`);
    const becameFree = !claimRef && (old?.spec.claimRef || old?.status?.phase !== volume.status?.phase);
    if (type === 'DELETED' || !old || becameFree) lookAtUnbound();
  });
  classes.onChange(lookAtUnbound);
  allPods.onChange((type, pod, old) => {
    // Whoever waits for its first consumer says which one it waits for.
    if (type === 'MODIFIED' && pod.spec.nodeName === old?.spec.nodeName) return;
    for (const name of claimsOf(pod)) {
      const key = `${pod.metadata.namespace}/${name}`;
      const claim = claims.get(key);
      if (claim && isUnbound(claim)) queue.add(`claim/${key}`);
    }
  });
  return { start: (signal) => queue.start(signal) };
}
