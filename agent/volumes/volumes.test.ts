import { chmod, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ConfigMap, Secret, Volume } from '#proto/schema/generated/core-v1.ts';
import { aPod, aVolumeHost, facts } from './fixtures.ts';

const configMap = (data: Record<string, string>, extra: Partial<ConfigMap> = {}): ConfigMap => ({
  metadata: { name: 'cfg', namespace: 'default' },
  data,
  ...extra,
});
const secret = (data: Record<string, string>): Secret => ({
  metadata: { name: 's', namespace: 'default' },
  data: Object.fromEntries(Object.entries(data).map(([k, v]) => [k, Buffer.from(v).toString('base64')])),
});
const modeOf = async (path: string) => ((await stat(path)).mode & 0o7777).toString(8);

describe('configMap volumes', () => {
  const volume: Volume = { name: 'cfg', configMap: { name: 'cfg', defaultMode: 0o644 } };

  it('show every key as a file, text and binary', async () => {
    await using host = await aVolumeHost();
    host.configMaps.set('default/cfg', configMap({ a: 'one' }, { binaryData: { b: '/wA=' } }));
    const path = (await host.volumes.prepareVolumes(aPod([volume]), facts)).get('cfg')?.path ?? '';
    expect(await readFile(join(path, 'a'), 'utf8')).toBe('one');
    expect(await readFile(join(path, 'b'))).toEqual(Buffer.from([255, 0]));
    expect(await modeOf(join(path, 'a'))).toBe('644');
    expect(path).toContain('pods/uid-1/volumes/kubernetes.io~configmap/cfg');
  });

  it('change all at once, and drop what went', async () => {
    await using host = await aVolumeHost();
    const pod = aPod([volume]);
    host.configMaps.set('default/cfg', configMap({ a: 'one', old: 'x' }));
    const path = (await host.volumes.prepareVolumes(pod, facts)).get('cfg')?.path ?? '';
    const before = await readlink(join(path, '..data'));
    await host.volumes.refreshVolumes(pod, facts);
    expect(await readlink(join(path, '..data'))).toBe(before);

    host.configMaps.set('default/cfg', configMap({ a: 'two', fresh: 'y' }));
    await host.volumes.refreshVolumes(pod, facts);
    expect(await readFile(join(path, 'a'), 'utf8')).toBe('two');
    const names = await readdir(path);
    expect(names.filter((name) => !name.startsWith('..'))).toEqual(['a', 'fresh']);
    expect(names.filter((name) => name.startsWith('..2'))).toEqual([await readlink(join(path, '..data'))]);
    expect(await readlink(join(path, '..data'))).not.toBe(before);
  });

  it('show the items that are asked for, with their modes', async () => {
    await using host = await aVolumeHost();
    host.configMaps.set('default/cfg', configMap({ a: 'one', b: 'two' }));
    const items = [{ key: 'a', path: 'deep/er/a.txt', mode: 0o400 }];
    const pod = aPod([{ name: 'cfg', configMap: { name: 'cfg', items } }]);
    const path = (await host.volumes.prepareVolumes(pod, facts)).get('cfg')?.path ?? '';
    expect(await readFile(join(path, 'deep/er/a.txt'), 'utf8')).toBe('one');
    expect(await modeOf(join(path, 'deep/er/a.txt'))).toBe('400');
    expect((await readdir(path)).filter((name) => !name.startsWith('..'))).toEqual(['deep']);
  });

  it('are empty where an optional ConfigMap is missing, and fill when it comes', async () => {
    await using host = await aVolumeHost();
    const pod = aPod([{ name: 'cfg', configMap: { name: 'cfg', optional: true } }]);
    const path = (await host.volumes.prepareVolumes(pod, facts)).get('cfg')?.path ?? '';
    expect((await readdir(path)).filter((name) => !name.startsWith('..'))).toEqual([]);
    host.configMaps.set('default/cfg', configMap({ a: 'one' }));
    await host.volumes.refreshVolumes(pod, facts);
    expect(await readFile(join(path, 'a'), 'utf8')).toBe('one');
  });

  it('fail in the words of Kubernetes', async () => {
    await using host = await aVolumeHost();
    await expect(host.volumes.prepareVolumes(aPod([volume]), facts)).rejects.toThrow(
      'MountVolume.SetUp failed for volume "cfg" : configmap "cfg" not found',
    );
    host.configMaps.set('default/cfg', configMap({ a: 'one' }));
    const items = [{ key: 'z', path: 'z' }];
    const pod = aPod([{ name: 'cfg', configMap: { name: 'cfg', items } }]);
    await expect(host.volumes.prepareVolumes(pod, facts)).rejects.toThrow(
      'MountVolume.SetUp failed for volume "cfg" : configmap references non-existent config key: z',
    );
  });
});

describe('secret volumes', () => {
  it('lie in memory, with their modes, for the group of the pod', async () => {
    await using host = await aVolumeHost();
    host.secrets.set('default/s', secret({ password: 'p' }));
    const volume: Volume = { name: 's', secret: { secretName: 's', defaultMode: 0o400 } };
    const pod = aPod([volume], { securityContext: { fsGroup: 2000 } });
    const path = (await host.volumes.prepareVolumes(pod, facts)).get('s')?.path ?? '';
    expect(path.startsWith(join(host.root, 'memory'))).toBe(true);
    expect(await modeOf(join(path, 'password'))).toBe('440');
    expect((await stat(join(path, 'password'))).gid).toBe(2000);
    const missing = aPod([{ name: 'm', secret: { secretName: 'm' } }]);
    await expect(host.volumes.prepareVolumes(missing, facts)).rejects.toThrow('secret "m" not found');
  });
});

describe('downwardAPI volumes', () => {
  it('tell of the pod, and follow its labels', async () => {
    await using host = await aVolumeHost();
    const items = [
      { path: 'name', fieldRef: { fieldPath: 'metadata.name' } },
      { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
      {
        path: 'memory',
        resourceFieldRef: { containerName: 'main', resource: 'limits.memory', divisor: '1Mi' },
      },
    ];
    const pod = aPod([{ name: 'info', downwardAPI: { items } }]);
    const path = (await host.volumes.prepareVolumes(pod, facts)).get('info')?.path ?? '';
    expect(await readFile(join(path, 'name'), 'utf8')).toBe('web');
    expect(await readFile(join(path, 'labels'), 'utf8')).toBe('app="web"');
    expect(await readFile(join(path, 'memory'), 'utf8')).toBe('1024');
    const relabelled = { ...pod, metadata: { ...pod.metadata, labels: { app: 'api' } } };
    await host.volumes.refreshVolumes(relabelled, facts);
    expect(await readFile(join(path, 'labels'), 'utf8')).toBe('app="api"');
  });
});

describe('projected volumes', () => {
  const volume: Volume = {
    name: 'kube-api-access',
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
      ],
    },
  };
  const withTokens = async () => {
    let issued = 0;
    const requests: unknown[] = [];
    const host = await aVolumeHost((method, path, body) => {
      requests.push([method, path, body]);
      const expirationTimestamp = new Date(host.clock.now() + 3_600_000).toISOString();
      return { status: { token: `token-${++issued}`, expirationTimestamp } };
    });
    host.configMaps.set('default/kube-root-ca.crt', configMap({ 'ca.crt': 'CA' }));
    return { host, requests };
  };

  it('hold the service account: token bound to the pod, CA, namespace', async () => {
    const { host, requests } = await withTokens();
    await using _ = host;
    const pod = aPod([volume], { serviceAccountName: 'robot' });
    const path = (await host.volumes.prepareVolumes(pod, facts)).get('kube-api-access')?.path ?? '';
    expect(await readFile(join(path, 'token'), 'utf8')).toBe('token-1');
    expect(await readFile(join(path, 'ca.crt'), 'utf8')).toBe('CA');
    expect(await readFile(join(path, 'namespace'), 'utf8')).toBe('default');
    expect(requests).toMatchObject([
      [
        'POST',
        '/api/v1/namespaces/default/serviceaccounts/robot/token',
        { spec: { expirationSeconds: 3600, boundObjectRef: { kind: 'Pod', name: 'web', uid: 'uid-1' } } },
      ],
    ]);
  });

  it('renew the token at 80 % of its life, and keep it while the server is away', async () => {
    const { host } = await withTokens();
    await using _ = host;
    const pod = aPod([volume]);
    const path = (await host.volumes.prepareVolumes(pod, facts)).get('kube-api-access')?.path ?? '';
    const token = () => readFile(join(path, 'token'), 'utf8');
    await host.clock.advance(47 * 60_000);
    await host.volumes.refreshVolumes(pod, facts);
    expect(await token()).toBe('token-1');
    await host.clock.advance(2 * 60_000);
    await host.volumes.refreshVolumes(pod, facts);
    expect(await token()).toBe('token-2');

    host.cluster.connected = false;
    host.cluster.api = async () => {
      throw new Error('no server');
    };
    await host.clock.advance(24 * 3_600_000);
    await host.volumes.refreshVolumes(pod, facts);
    expect(await token()).toBe('token-2');
  });

  it('give the token to the one user of the pod alone', async () => {
    const { host } = await withTokens();
    await using _ = host;
    const pod = aPod([volume], { securityContext: { runAsUser: 1000 } });
    const path = (await host.volumes.prepareVolumes(pod, facts)).get('kube-api-access')?.path ?? '';
    const info = await stat(join(path, 'token'));
    expect([info.uid, (info.mode & 0o777).toString(8)]).toEqual([1000, '600']);
    expect(await modeOf(join(path, 'ca.crt'))).toBe('644');
  });

  it('say all that is missing', async () => {
    await using host = await aVolumeHost();
    const sources = [{ configMap: { name: 'a' } }, { secret: { name: 'b' } }];
    const pod = aPod([{ name: 'all', projected: { sources } }]);
    await expect(host.volumes.prepareVolumes(pod, facts)).rejects.toThrow(
      'MountVolume.SetUp failed for volume "all" : [configmap "a" not found, secret "b" not found]',
    );
  });
});

describe('emptyDir volumes', () => {
  it('are open to all, or belong to the group, and keep what the pod made of them', async () => {
    await using host = await aVolumeHost();
    const pod = aPod([{ name: 'e', emptyDir: {} }], { securityContext: { fsGroup: 3000 } });
    const path = (await host.volumes.prepareVolumes(pod, facts)).get('e')?.path ?? '';
    expect(await modeOf(path)).toBe('2777');
    expect((await stat(path)).gid).toBe(3000);
    await chmod(path, 0o700);
    await host.volumes.prepareVolumes(pod, facts);
    expect(await modeOf(path)).toBe('700');
  });

  it('are a tmpfs of the given size for medium Memory', async () => {
    await using host = await aVolumeHost();
    const pod = aPod([{ name: 'e', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }]);
    const path = (await host.volumes.prepareVolumes(pod, facts)).get('e')?.path ?? '';
    expect(host.mounter.mounts.get(path)).toBe('tmpfs mode=1777,size=1048576');
    await host.volumes.cleanupVolumes('uid-1');
    expect(host.mounter.mounts.size).toBe(0);
    expect(await host.volumes.podsOnDisk()).toEqual([]);
  });
});

describe('hostPath volumes', () => {
  it.each([
    ['', 'nothing', undefined],
    ['DirectoryOrCreate', 'new-dir', undefined],
    ['Directory', 'dir', undefined],
    ['Directory', 'nothing', 'hostPath type check failed: ROOT/nothing is not a directory'],
    ['Directory', 'file', 'hostPath type check failed: ROOT/file is not a directory'],
    ['FileOrCreate', 'new-file', undefined],
    ['File', 'file', undefined],
    ['File', 'dir', 'hostPath type check failed: ROOT/dir is not a file'],
    ['Socket', 'file', 'hostPath type check failed: ROOT/file is not a socket file'],
    ['CharDevice', '/dev/null', undefined],
    ['BlockDevice', 'dir', 'hostPath type check failed: ROOT/dir is not a block device'],
  ])('of type "%s" on %s', async (type, name, message) => {
    await using host = await aVolumeHost();
    await mkdir(join(host.root, 'dir'));
    await writeFile(join(host.root, 'file'), '');
    const path = resolve(host.root, name);
    const preparing = host.volumes.prepareVolumes(aPod([{ name: 'h', hostPath: { path, type } }]), facts);
    if (message) await expect(preparing).rejects.toThrow(message.replace('ROOT', host.root));
    else expect((await preparing).get('h')?.path).toBe(path);
    if (name === 'new-dir') expect((await stat(path)).isDirectory()).toBe(true);
    if (name === 'new-file') expect((await stat(path)).isFile()).toBe(true);
  });
});

describe('image volumes', () => {
  it('mount the image once, and go with the pod', async () => {
    await using host = await aVolumeHost();
    const pod = aPod([{ name: 'i', image: { reference: 'r.io/a:1', pullPolicy: 'Always' } }]);
    const path = (await host.volumes.prepareVolumes(pod, facts)).get('i')?.path ?? '';
    expect(host.mounter.mounts.get(path)).toBe('image r.io/a:1 Always');
    host.mounter.mounts.set(path, 'as it was');
    await host.volumes.prepareVolumes(pod, facts);
    expect(host.mounter.mounts.get(path)).toBe('as it was');
    await host.volumes.cleanupVolumes('uid-1');
    expect([...host.mounter.mounts]).toEqual([]);
  });

  it.each([
    ['gone/a:1', 'MountVolume.SetUp failed for volume "i" : ErrImagePull: gone/a:1 is gone'],
    ['', 'the volume names no image'],
  ])('say why %j is not there', async (reference, message) => {
    await using host = await aVolumeHost();
    await expect(
      host.volumes.prepareVolumes(aPod([{ name: 'i', image: { reference } }]), facts),
    ).rejects.toThrow(message);
  });
});

describe('subPath', () => {
  it('makes the folder, or shows the file', async () => {
    await using host = await aVolumeHost();
    const path = join(host.root, 'volume');
    await mkdir(path);
    await writeFile(join(path, 'file'), 'x');
    const pod = aPod([]);
    await chmod(path, 0o2777);
    const folder = await host.volumes.prepareSubPath(pod, 'main', 0, { name: 'v', path }, 'a/b');
    expect(await modeOf(join(path, 'a/b'))).toBe('2777');
    expect(host.mounter.mounts.get(folder)).toBe(`bind ${path}/a/b`);
    const file = await host.volumes.prepareSubPath(pod, 'main', 1, { name: 'v', path }, 'file');
    expect(host.mounter.mounts.get(file)).toBe(`bind ${path}/file`);
    expect((await stat(file)).isFile()).toBe(true);
  });

  it('follows links inside of the volume, and none out of it', async () => {
    await using host = await aVolumeHost();
    const path = join(host.root, 'volume');
    await mkdir(join(path, 'real'), { recursive: true });
    await symlink('real', join(path, 'inside'));
    await symlink('/etc', join(path, 'outside'));
    const pod = aPod([]);
    const target = await host.volumes.prepareSubPath(pod, 'main', 0, { name: 'v', path }, 'inside');
    expect(host.mounter.mounts.get(target)).toBe(`bind ${path}/real`);
    for (const subPath of ['outside', 'outside/passwd', 'outside/new', '../x', '/etc']) {
      await expect(
        host.volumes.prepareSubPath(pod, 'main', 1, { name: 'v', path }, subPath),
      ).rejects.toThrow();
    }
  });
});

it('a volume of an unknown type says so', async () => {
  await using host = await aVolumeHost();
  const pod = aPod([{ name: 'n', iscsi: { targetPortal: 's', iqn: 'i', lun: 0 } }]);
  await expect(host.volumes.prepareVolumes(pod, facts)).rejects.toThrow('no volume plugin matched');
});

it('a uid that is no uid touches nothing', async () => {
  await using host = await aVolumeHost();
  for (const uid of ['', '..', '../x', 'a/b']) {
    await expect(host.volumes.cleanupVolumes(uid)).rejects.toThrow('no pod uid');
  }
});
