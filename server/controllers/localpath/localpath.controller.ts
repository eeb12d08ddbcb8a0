import { nodes } from '#proto/api/core/nodes.ts';
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { persistentvolumes } from '#proto/api/core/persistentvolumes.ts';
import { storageclasses } from '#proto/api/storage/storageclasses.ts';
import { keyOf, parseKey } from '#proto/meta/object.ts';
import { isAlreadyExists, isNotFound, StatusError } from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import { readyStatus } from '#server/controllers/nodelifecycle/node-health.plan.ts';
import {
  claimKeyOf,
  classOf,
  PROVISIONER_FINALIZER,
  SELECTED_NODE,
} from '#server/controllers/persistentvolume/storage-facts.ts';
import type { BoardStorage } from './board-storage.ts';
import { type Draft, Drafts } from './drafts.ts';
import * as words from './localpath.events.ts';
import {
  HOSTNAME,
  hostnameOf,
  isAsked,
  localVolume,
  planProvision,
  planVolumeEnd,
  volumeNameFor,
  whyNotExpanded,
} from './provision.plan.ts';

/** Boards that are slow or away do not keep others waiting. */
const WORKERS = 4;
const INFEASIBLE = 'ControllerResizeInfeasible';

/**
 * Makes directories on boards for claims, and removes them with their volumes: also of a board that was away meanwhile, as
 * soon as it is back. The directory is there before its volume, and gone before its volume is. Keys are
 * `claim/<namespace>/<name>` and `volume/<name>`.
 */
export function createLocalPathController(context: ControllerContext, boards: BoardStorage): Controller {
  const { client, clock, informers } = context;
  const events = context.recorderFor('local-path');
  const claims = informers.for(persistentvolumeclaims);
  const volumes = informers.for(persistentvolumes);
  const classes = informers.for(storageclasses);
  const allNodes = informers.for(nodes);

  const queue = createQueue(
    context,
    'local-path',
    (key) => {
      const name = key.slice(key.indexOf('/') + 1);
      return key.startsWith('claim/') ? syncClaim(name) : syncVolume(name);
    },
    WORKERS,
  );

  const drafts = new Drafts();

  async function syncClaim(key: string): Promise<void> {
    const claim = claims.get(key);
    await dropDrafts(key, claim);
    if (!claim) return;
    await refuseToExpand(claim);
    const storageClass = classes.get(classOf(claim));
    if (!storageClass || !isAsked(claim, storageClass) || volumes.get(volumeNameFor(claim))) return;
    const failed = (why: string): void => events.event(claim, words.notProvisioned(classOf(claim), why));
    const step = planProvision(claim, storageClass, (name) => allNodes.get(name));
    if (step.type !== 'make') failed(step.message);
    if (step.type === 'reschedule') await chooseAgain(claim);
    if (step.type !== 'make') return;
    const nodeName = step.node.metadata.name ?? '';
    events.event(claim, words.provisioning(key));
    const draft: Draft = { claim: key, node: nodeName, volume: step.volume };
    drafts.add(draft);
    let path: string;
    try {
      path = await boards.make(nodeName, step.volume, step.bytes);
    } catch (err) {
      failed(messageOf(err));
      // A board that is away comes back, or is found not to be ready.
      if (!isAway(err)) await chooseAgain(claim);
      return;
    }
    try {
      await client.create(persistentvolumes, localVolume(claim, storageClass, step.node, path));
    } catch (err) {
      if (!isAlreadyExists(err)) throw err;
    }
    drafts.delete(draft);
    events.event(claim, words.provisioned(step.volume));
  }

  /** Directories that were made for a claim which is gone by now, or is for another node. */
  async function dropDrafts(key: string, claim: PersistentVolumeClaim | undefined): Promise<void> {
    for (const draft of drafts.ofClaim(key)) {
      const { node, volume } = draft;
      const isWanted =
        claim &&
        isAsked(claim, classes.get(classOf(claim))) &&
        volumeNameFor(claim) === volume &&
        claim.metadata.annotations?.[SELECTED_NODE] === node;
      if (isWanted) continue;
      const made = await fresh(volume);
      try {
        if (!made || nodeOf(made) !== node) await boards.remove(node, volume, '');
        drafts.delete(draft);
      } catch (err) {
        if (!isAway(err)) throw err;
      }
    }
  }

  /** The cache may be behind: ask. */
  const fresh = (name: string): Promise<PersistentVolume | undefined> =>
    client.get(persistentvolumes, { name }).catch((err: unknown) => {
      if (isNotFound(err)) return undefined;
      throw err;
    });

  /** The scheduler has chosen a node that can't do it. */
  async function chooseAgain(claim: PersistentVolumeClaim): Promise<void> {
    const { resourceVersion } = claim.metadata;
    const metadata = { resourceVersion, annotations: { [SELECTED_NODE]: null } };
    await client.patch(persistentvolumeclaims, parseKey(keyOf(claim)), 'merge', { metadata });
  }

  /** Says so in the claim's status, as resizers do, so that its user may take the wish back. Rule: KEP-1790. */
  async function refuseToExpand(claim: PersistentVolumeClaim): Promise<void> {
    const why = whyNotExpanded(claim, volumes.get(claim.spec.volumeName ?? ''));
    if (why === undefined || claim.status?.allocatedResourceStatuses?.['storage'] === INFEASIBLE) return;
    const others = (claim.status?.conditions ?? []).filter(({ type }) => type !== 'ControllerResizeError');
    const lastTransitionTime = timestamp(clock.now());
    const condition = { type: 'ControllerResizeError', status: 'True', lastTransitionTime, message: why };
    const status = {
      ...claim.status,
      allocatedResourceStatuses: { ...claim.status?.allocatedResourceStatuses, storage: INFEASIBLE },
      conditions: [...others, condition],
    };
    await client.update(persistentvolumeclaims, { ...claim, status }, { subresource: 'status' });
    events.event(claim, words.notExpanded(why));
  }

  async function syncVolume(name: string): Promise<void> {
    const cached = volumes.get(name);
    if (!cached || !planVolumeEnd(cached)) return;
    // Its user may have decided to keep the data.
    const volume = await fresh(name);
    const end = volume && planVolumeEnd(volume);
    if (!volume || !end) return;
    if (end === 'remove' && !(await removed(volume))) return;
    const others = (volume.metadata.finalizers ?? []).filter((one) => one !== PROVISIONER_FINALIZER);
    const finalizers = end === 'protect' ? [...others, PROVISIONER_FINALIZER] : others;
    const metadata = { ...volume.metadata, finalizers };
    const { uid } = (await client.update(persistentvolumes, { ...volume, metadata })).metadata;
    if (end !== 'remove' || volume.metadata.deletionTimestamp) return;
    const preconditions = uid === undefined ? {} : { preconditions: { uid } };
    await client.delete(persistentvolumes, { name }, preconditions);
  }

  /** False: its board is away, and will be back. */
  async function removed(volume: PersistentVolume): Promise<boolean> {
    const node = nodeOf(volume);
    const { name = '' } = volume.metadata;
    try {
      await boards.remove(node, name, volume.spec.local?.path ?? '');
      return true;
    } catch (err) {
      if (isAway(err)) {
        events.event(volume, words.boardIsAway(node));
        return false;
      }
      events.event(volume, words.notDeleted(messageOf(err)));
      throw err;
    }
  }

  function nodeOf(volume: PersistentVolume): string {
    const hostname = hostnameOf(volume) ?? '';
    const isIt = ({ metadata }: Node): boolean => metadata.labels?.[HOSTNAME] === hostname;
    return allNodes.list().find(isIt)?.metadata.name ?? hostname;
  }

  /** What waits for this board. */
  const lookAgain = (node: string): void => {
    for (const { claim } of drafts.onNode(node)) queue.add(`claim/${claim}`);
    for (const claim of claims.values())
      if (claim.metadata.annotations?.[SELECTED_NODE] === node && !claim.spec.volumeName)
        queue.add(`claim/${keyOf(claim)}`);
    for (const volume of volumes.values())
      if (planVolumeEnd(volume) && nodeOf(volume) === node) queue.add(`volume/${keyOf(volume)}`);
  };
  claims.onChange((type, claim) => {
    const key = keyOf(claim);
    if (type !== 'DELETED' || drafts.ofClaim(key).length > 0) queue.add(`claim/${key}`);
  });
  volumes.onChange((type, volume) => {
    if (type !== 'DELETED' && planVolumeEnd(volume)) queue.add(`volume/${keyOf(volume)}`);
    // Deleted before its claim had it: the claim needs another.
    if (type === 'DELETED' && volume.spec.claimRef) queue.add(`claim/${claimKeyOf(volume.spec.claimRef)}`);
  });
  allNodes.onChange((type, node, old) => {
    if (type === 'DELETED' || (old && readyStatus(node) !== readyStatus(old)))
      lookAgain(node.metadata.name ?? '');
  });
  return {
    start: (signal) => {
      const stop = boards.onConnected(lookAgain);
      signal.addEventListener('abort', stop, { once: true });
      queue.start(signal);
    },
  };
}

const isAway = (err: unknown): boolean =>
  err instanceof StatusError && (err.reason === 'ServiceUnavailable' || err.reason === 'Timeout');

const messageOf = (err: unknown): string => (err instanceof Error ? err.message : String(err));
