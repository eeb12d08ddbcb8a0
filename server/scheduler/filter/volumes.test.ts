import { describe, expect, it } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim, PodSpec } from '#proto/schema/generated/core-v1.ts';
import type { StorageClass } from '#proto/schema/generated/storage-v1.ts';
import { SELECTED_NODE } from '#server/controllers/persistentvolume/storage-facts.ts';
import { aCluster, aNode, aNodeInfo, aPod, aPodInfo, reasonsOf } from '../fixtures.ts';
import type { NodeCache } from '../node-cache.ts';
import type { NodeInfo } from '../node-info.plan.ts';
import { volumeBinding } from './volume-binding.ts';
import { volumeRestrictions } from './volume-restrictions.ts';

const ZONE = 'topology.kubernetes.io/zone';
const using = (claimName = 'data'): Partial<PodSpec> => ({
  volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }],
});
const claim = (
  spec: Partial<PersistentVolumeClaim['spec']> = {},
  more: Partial<PersistentVolumeClaim> = {},
): PersistentVolumeClaim => ({
  ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
  metadata: { name: 'data', namespace: 'default', uid: 'u' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
  ...more,
});
const bound = (volumeName = 'pv') => claim({ volumeName }, { status: { phase: 'Bound' } });
const onNode = (name: string): PersistentVolume['spec'] => ({
  capacity: { storage: '2Gi' },
  accessModes: ['ReadWriteOnce'],
  storageClassName: 'local',
  nodeAffinity: {
    required: {
      nodeSelectorTerms: [
        { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [name] }] },
      ],
    },
  },
});
const volume = (spec: PersistentVolume['spec'], more: Partial<PersistentVolume> = {}): PersistentVolume => ({
  ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'pv' } },
  spec,
  status: { phase: 'Available' },
  ...more,
});
const classOf = (provisioner: string, over: Partial<StorageClass> = {}): StorageClass => ({
  ...{ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'local' } },
  ...{ provisioner, volumeBindingMode: 'WaitForFirstConsumer', ...over },
});

interface Storage {
  readonly claim?: PersistentVolumeClaim;
  readonly volume?: PersistentVolume;
  readonly storageClass?: StorageClass;
}
function clusterWith(storage: Storage, ...infos: NodeInfo[]): NodeCache {
  const nodes = infos.length > 0 ? infos : [aNodeInfo(aNode('a')), aNodeInfo(aNode('b'))];
  return aCluster(nodes, {
    volumes: {
      claim: (key) => (key === 'default/data' ? storage.claim : undefined),
      volume: (name) => (name === storage.volume?.metadata.name ? storage.volume : undefined),
      volumes: () => (storage.volume ? [storage.volume] : []),
      storageClass: () => storage.storageClass,
    },
  });
}

describe('VolumeBinding', () => {
  const ELSEWHERE = "node(s) didn't match PersistentVolume's node affinity";
  const NO_VOLUME = "node(s) didn't find available persistent volumes to bind";
  const delayed = claim({ storageClassName: 'local' });
  const selected: PersistentVolumeClaim = {
    ...delayed,
    metadata: { ...delayed.metadata, annotations: { [SELECTED_NODE]: 'a' } },
  };
  const local = classOf('kubernetes.io/no-provisioner');
  const maker = classOf('example.com/maker');
  const free = volume(onNode('a'));
  const east = [{ matchLabelExpressions: [{ key: ZONE, values: ['east'] }] }];

  it.each<[string, Storage, string, string]>([
    ['no such claim', {}, 'persistentvolumeclaim "data" not found', 'persistentvolumeclaim "data" not found'],
    ['bound here', { claim: bound(), volume: free }, '', ELSEWHERE],
    ['bound anywhere', { claim: bound(), volume: volume({}) }, '', ''],
    [
      'bound to nothing',
      { claim: bound() },
      'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)',
      'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)',
    ],
    [
      'lost',
      { claim: { ...bound(), status: { phase: 'Lost' } } },
      'persistentvolumeclaim "data" bound to non-existent persistentvolume "pv"',
      'persistentvolumeclaim "data" bound to non-existent persistentvolume "pv"',
    ],
    [
      'not bound yet',
      { claim: claim() },
      'pod has unbound immediate PersistentVolumeClaims',
      'pod has unbound immediate PersistentVolumeClaims',
    ],
    ['free here', { claim: delayed, storageClass: local, volume: free }, '', NO_VOLUME],
    [
      'free but small',
      {
        claim: claim({ storageClassName: 'local', resources: { requests: { storage: '3Gi' } } }),
        ...{ storageClass: local, volume: free },
      },
      NO_VOLUME,
      NO_VOLUME,
    ],
    [
      'kept for another',
      {
        claim: delayed,
        storageClass: local,
        volume: volume({ ...onNode('a'), claimRef: { namespace: 'default', name: 'other' } }),
      },
      NO_VOLUME,
      NO_VOLUME,
    ],
    [
      'of another mode',
      {
        claim: claim({ storageClassName: 'local', accessModes: ['ReadWriteMany'] }),
        storageClass: local,
        volume: free,
      },
      NO_VOLUME,
      NO_VOLUME,
    ],
    ['to be made', { claim: delayed, storageClass: maker }, '', ''],
    [
      'to be made in a zone',
      { claim: delayed, storageClass: classOf('m', { allowedTopologies: east }) },
      NO_VOLUME,
      NO_VOLUME,
    ],
    ['to be made for a node', { claim: selected, storageClass: maker }, '', NO_VOLUME],
  ])('a volume that is %s', (_, storage, a, b) => {
    const there = clusterWith(storage);
    const answers = ['a', 'b'].map((name) => {
      const node = there.node(name) as NodeInfo;
      return reasonsOf(volumeBinding, aPodInfo(using()), node, there)[0] ?? '';
    });
    expect(answers).toEqual([a, b]);
  });

  it('follows the zone in a label of the volume', () => {
    const labelled = volume({}, { metadata: { name: 'pv', labels: { [ZONE]: 'east' } } });
    const nodes = ['east', 'west'].map((zone) => aNodeInfo(aNode(zone, { labels: { [ZONE]: zone } })));
    const there = clusterWith({ claim: bound(), volume: labelled }, ...nodes);
    expect(nodes.map((node) => reasonsOf(volumeBinding, aPodInfo(using()), node, there))).toEqual([
      [],
      ['node(s) had no available volume zone'],
    ]);
  });

  it('waits for the claim of an ephemeral volume', () => {
    const pod = aPodInfo({ volumes: [{ name: 'v', ephemeral: {} }] });
    const there = clusterWith({});
    expect(reasonsOf(volumeBinding, pod, there.node('a') as NodeInfo, there)).toEqual([
      'waiting for ephemeral volume controller to create the persistentvolumeclaim "web-v"',
    ]);
  });

  it('does not take the claim of another for that of an ephemeral volume', () => {
    const pod = aPodInfo({ volumes: [{ name: 'v', ephemeral: {} }] });
    const foreign = claim({}, { metadata: { name: 'web-v', namespace: 'default' } });
    const there = aCluster([aNodeInfo(aNode('a'))], {
      volumes: {
        claim: () => foreign,
        volume: () => undefined,
        volumes: () => [],
        storageClass: () => undefined,
      },
    });
    expect(reasonsOf(volumeBinding, pod, there.node('a') as NodeInfo, there)).toEqual([
      'PVC default/web-v was not created for pod default/web (pod is not owner)',
    ]);
  });

  it('has nothing to say of a Pod without claims', () => {
    expect(volumeBinding.prepare(aPodInfo(), clusterWith({}))).toBeUndefined();
  });
});

describe('VolumeRestrictions', () => {
  const once = { claim: claim({ accessModes: ['ReadWriteOncePod'], volumeName: 'pv' }) };
  const user = aPod('user', using(), { uid: 'user' });

  it('lets one Pod at a time use a claim that is for one', () => {
    const there = clusterWith(once, aNodeInfo(aNode('a'), [user]), aNodeInfo(aNode('b')));
    const prepared = volumeRestrictions.prepare(aPodInfo(using(), { uid: 'me' }), there);
    if (typeof prepared !== 'function') throw new Error('it has nothing to say');
    const b = there.node('b') as NodeInfo;
    expect(prepared(b)).toEqual({
      reasons: [
        'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
      ],
      resolvable: true,
    });
    const [placed] = there.claimUsers('default/data');
    expect(prepared(b, { added: [], removed: placed ? [placed] : [] })).toBeUndefined();
    there.removePod('user');
    expect(volumeRestrictions.prepare(aPodInfo(using(), { uid: 'me' }), there)).toBeUndefined();
  });

  it('has nothing to say of claims that many may use', () => {
    const there = clusterWith({ claim: bound() }, aNodeInfo(aNode('a'), [user]));
    expect(volumeRestrictions.prepare(aPodInfo(using()), there)).toBeUndefined();
  });
});
