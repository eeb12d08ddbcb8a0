import { mkdir, readFile, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim, Volume } from '#proto/schema/generated/core-v1.ts';
import { boundVolume } from './bound-volume.plan.ts';
import { aPod, aVolumeHost, facts } from './fixtures.ts';

const volume: Volume = { name: 'data', persistentVolumeClaim: { claimName: 'c' } };
const pod = aPod([volume]);
const claim = (spec: Partial<PersistentVolumeClaim['spec']> = {}, metadata = {}): PersistentVolumeClaim => ({
  metadata: { name: 'c', namespace: 'default', ...metadata },
  spec: { volumeName: 'pv1', accessModes: ['ReadWriteOnce'], ...spec },
  status: { phase: 'Bound' },
});
const aVolume = (spec: PersistentVolume['spec']): PersistentVolume => ({ metadata: { name: 'pv1' }, spec });

const aHost = (spec: PersistentVolume['spec'], of: PersistentVolumeClaim = claim()) =>
  aVolumeHost((_method, path) => (path.includes('/persistentvolumeclaims/') ? of : aVolume(spec)));
type Host = Awaited<ReturnType<typeof aVolumeHost>>;
const prepared = async (host: Host, of = pod) => (await host.volumes.prepareVolumes(of, facts)).get('data');

describe('a claim', () => {
  it('leads to the path of its volume, also when the server is away later', async () => {
    await using host = await aHost({ hostPath: { path: '/srv/data', type: '' } });
    expect(await prepared(host)).toMatchObject({ path: '/srv/data', readOnly: false });
    host.cluster.api = async () => {
      throw new Error('no server');
    };
    expect(await prepared(host)).toMatchObject({ path: '/srv/data' });
  });

  it('that is not bound is said to be', async () => {
    await using host = await aHost({}, { ...claim({ volumeName: undefined }), status: { phase: 'Pending' } });
    await expect(prepared(host)).rejects.toThrow('error processing PVC default/c: PVC is not bound');
  });

  it('was made for the Pod, where its volume is ephemeral', async () => {
    const ephemeral = aPod([{ name: 'data', ephemeral: {} }]);
    const owned = (uid: string) =>
      claim({}, { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'web', uid, controller: true }] });
    await using mine = await aHost({ hostPath: { path: '/srv/mine' } }, owned('uid-1'));
    expect(await prepared(mine, ephemeral)).toMatchObject({ path: '/srv/mine' });
    await using other = await aHost({ hostPath: { path: '/srv/mine' } }, owned('uid-2'));
    await expect(prepared(other, ephemeral)).rejects.toThrow(
      'PVC default/web-data was not created for pod default/web (pod is not owner)',
    );
  });

  it('for one Pod is for one on this board', async () => {
    await using host = await aHost(
      { hostPath: { path: '/srv/data' } },
      claim({ accessModes: ['ReadWriteOncePod'] }),
    );
    await prepared(host);
    await prepared(host);
    const second = { ...pod, metadata: { ...pod.metadata, name: 'two', uid: 'uid-2' } };
    await expect(prepared(host, second)).rejects.toThrow(
      'volume uses the ReadWriteOncePod access mode and is already in use by another pod',
    );
    await host.volumes.cleanupVolumes('uid-1');
    await prepared(host, second);
  });
});

describe('a local volume', () => {
  it('is the folder, given to the group of the Pod once it is there', async () => {
    await using host = await aVolumeHost();
    const path = join(host.root, 'disk');
    host.cluster.api = async <T>(_method: string, url: string) =>
      (url.includes('claims') ? claim() : aVolume({ local: { path } })) as T;
    const grouped = { ...pod, spec: { ...pod.spec, securityContext: { fsGroup: 2000 } } };
    await expect(prepared(host, grouped)).rejects.toThrow(`path "${path}" does not exist`);
    await mkdir(join(host.root, 'real'), { mode: 0o755 });
    await symlink('real', path);
    expect(await prepared(host, grouped)).toMatchObject({ path: join(host.root, 'real') });
    const { gid, mode } = await stat(path);
    expect([gid, mode & 0o7777]).toEqual([2000, 0o2775]);
    const record = join(
      host.volumes.podDir('uid-1'),
      'plugins/kubernetes.io~persistent-volume-claim/data.json',
    );
    expect(JSON.parse(await readFile(record, 'utf8'))).toMatchObject({
      bound: { volume: 'pv1' },
      owned: true,
    });
    expect((await stat(record)).mode & 0o777).toBe(0o600);
  });

  it.each<[string, PersistentVolume['spec'], string]>([
    ['a file', { local: { path: '/etc/passwd' } }, 'path "/etc/passwd" is not a directory'],
    [
      'a folder with options',
      { local: { path: '/tmp' }, mountOptions: ['noatime'] },
      'spec.mountOptions is not supported by a local folder',
    ],
    [
      'no device in block mode',
      { local: { path: '/tmp' }, volumeMode: 'Block' },
      'spec.local.path /tmp is not a block device',
    ],
  ])('that is %s is refused by name', async (_, spec, why) => {
    await using host = await aHost(spec);
    await expect(prepared(host)).rejects.toThrow(why);
  });
});

describe('an NFS volume', () => {
  it('is mounted once for each Pod, with the options of its volume, and unmounted with it', async () => {
    await using host = await aHost(
      { nfs: { server: 'nas', path: '/export/a' }, mountOptions: ['vers=4.2', 'hard'] },
      claim({ accessModes: ['ReadOnlyMany'] }),
    );
    const at = await prepared(host);
    expect(at?.readOnly).toBe(true);
    expect([...host.mounter.mounts]).toEqual([[at?.path, 'nfs nas:/export/a ro,vers=4.2,hard']]);
    host.mounter.mounts.set(at?.path ?? '', 'as it was');
    await prepared(host);
    expect(host.mounter.mounts.get(at?.path ?? '')).toBe('as it was');
    await host.volumes.cleanupVolumes('uid-1');
    expect(host.mounter.mounts.size).toBe(0);
  });

  it('is mounted without a claim too', async () => {
    await using host = await aVolumeHost();
    const of = aPod([{ name: 'data', nfs: { server: 'fd00::1', path: '/x', readOnly: true } }]);
    const at = await prepared(host, of);
    expect(at?.path).toContain('pods/uid-1/volumes/kubernetes.io~nfs/data');
    expect(host.mounter.mounts.get(at?.path ?? '')).toBe('nfs [fd00::1]:/x ro');
  });
});

describe('an NFS server that takes the call and is silent', () => {
  const silent = aPod([{ name: 'data', nfs: { server: 'silent', path: '/x' } }]);

  it('is given up in the time that upstream has for it, and asked about', async () => {
    await using host = await aVolumeHost();
    const mounting = host.volumes.prepareVolumes(silent, facts);
    const refused = expect(mounting).rejects.toThrow(
      'MountVolume.SetUp failed for volume "data" : mount failed: timed out after 2m3s: does silent answer',
    );
    let isOver = false;
    const over = refused.finally(() => {
      isOver = true;
    });
    while (!isOver) {
      await turn();
      await host.clock.advance(1000);
    }
    await over;
    expect(host.mounter.mounts.size).toBe(0);
  });

  it('is given up when the Pod is to end', async () => {
    await using host = await aVolumeHost();
    const ending = new AbortController();
    const mounting = host.volumes.prepareVolumes(silent, facts, ending.signal);
    ending.abort(new Error('the Pod is to end'));
    await expect(mounting).rejects.toThrow('the Pod is to end');
  });
});

describe('boundVolume', () => {
  it('mounts a device as ext4 where its volume says nothing, or an empty text', () => {
    for (const local of [{ path: '/dev/sda1' }, { path: '/dev/sda1', fsType: '' }])
      expect(boundVolume(claim(), aVolume({ local }), false)).toMatchObject({ source: { fsType: 'ext4' } });
  });

  const spec: PersistentVolume['spec'] = { hostPath: { path: '/x' } };
  it.each<[string, Partial<PersistentVolumeClaim['spec']>, boolean, boolean]>([
    ['read and written', {}, false, false],
    ['read by the Pod’s wish', {}, true, true],
    ['read by many', { accessModes: ['ReadOnlyMany'] }, false, true],
    ['read by many or written', { accessModes: ['ReadOnlyMany', 'ReadWriteOnce'] }, false, false],
  ])('%s', (_, of, asked, readOnly) => {
    expect(boundVolume(claim(of), aVolume(spec), asked)).toMatchObject({ readOnly });
  });

  it.each<[PersistentVolume['spec'], string]>([
    [
      { csi: { driver: 'd', volumeHandle: 'h' } },
      'no volume plugin matched: this node has none for spec.csi',
    ],
    [{ ...spec, volumeMode: 'Block' }, 'spec.volumeMode: Block of volume "pv1" is not supported by hostPath'],
    [{ ...spec, mountOptions: ['ro'] }, 'spec.mountOptions is not supported by hostPath'],
  ])('%j is refused by its field', (of, why) => {
    expect(boundVolume(claim(), aVolume(of), false)).toContain(why);
  });
});
