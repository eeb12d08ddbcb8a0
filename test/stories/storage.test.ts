/** Volumes: directories that the cluster makes on boards, what outlives what, and what is really gone in the end. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { PersistentVolume, Pod } from '#proto/schema/generated/core-v1.ts';
import { eventually } from '../support/boards/eventually.ts';
import { apply, shellPod } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 2 });
const kubectl = (args: string, input?: string) =>
  cluster().kubectl.ok(args, input === undefined ? {} : { input });

const claim = (name: string, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '64Mi' } }, ...spec },
});
const mounting = (claimName: string) => ({ name: 'data', persistentVolumeClaim: { claimName } });
const AT_DATA = { volumeMounts: [{ name: 'data', mountPath: '/data' }] };

/** One on each board; each writes numbers, and tells one only when it is on the disk. */
const numbers = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'db' },
  spec: {
    replicas: 2,
    serviceName: 'db',
    podManagementPolicy: 'Parallel',
    selector: { matchLabels: { app: 'db' } },
    template: {
      metadata: { labels: { app: 'db' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: 'main',
            image: 'coracle.local/busybox:1',
            command: [
              'sh',
              '-c',
              'n=$(tail -n1 /data/log 2>/dev/null); while :; do n=$((n+1)); echo $n >>/data/log; sync; echo $n; sleep 0.2; done',
            ],
            readinessProbe: { exec: { command: ['test', '-s', '/data/log'] }, periodSeconds: 1 },
            ...AT_DATA,
          },
        ],
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: 'kubernetes.io/hostname',
            whenUnsatisfiable: 'DoNotSchedule',
            labelSelector: { matchLabels: { app: 'db' } },
          },
        ],
      },
    },
    volumeClaimTemplates: [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '64Mi' } } },
      },
    ],
  },
};

const volumeOf = async (name: string): Promise<PersistentVolume> => {
  const volume = await kubectl(`get pvc ${name} -o jsonpath={.spec.volumeName}`);
  return cluster().kubectl.json<PersistentVolume>(['get', 'pv', volume]);
};
/** Where a volume's directory is on the disk of its board, which this machine can look at any time. */
const directoryOf = (volume: PersistentVolume): string => {
  const [term] = volume.spec.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  const board = cluster().board(term?.matchExpressions?.[0]?.values?.[0] ?? '');
  return join(board.directory, 'disk', volume.spec.local?.path ?? '');
};
const isReleased = ({ metadata }: PersistentVolume) =>
  eventually(async () =>
    expect(await kubectl(`get pv ${metadata.name} -o jsonpath={.status.phase}`)).toBe('Released'),
  );
const nodeOf = async (pod: string) =>
  (await cluster().kubectl.json<Pod>(['get', 'pod', pod])).spec.nodeName ?? '';
const told = async (pod: string) => Number((await kubectl(`logs ${pod} --tail=1`)).trim());
const written = async (pod: string) => Number((await kubectl(`exec ${pod} -- tail -n1 /data/log`)).trim());

it('makes a directory on the board of each Pod, without a word about storage in the cluster before', async () => {
  expect(await kubectl('get storageclass')).toMatch(/local-path \(default\)\s+coracle.dev\/local-path/);
  await apply(cluster(), numbers);
  await cluster().readyPods('app=db', 2);
  expect(await kubectl('get pvc -o jsonpath={.items[*].status.phase}')).toBe('Bound Bound');
  const boards = new Set(await Promise.all(['db-0', 'db-1'].map(nodeOf)));
  expect(boards.size).toBe(2);
  for (const name of ['data-db-0', 'data-db-1'])
    expect(existsSync(directoryOf(await volumeOf(name)))).toBe(true);
  const rights = await cluster().board('board-1').exec('stat -c "%a %U" /var/lib/coracle/storage');
  expect(rights.stdout.trim()).toBe('700 root');
});

it('takes a Pod back to its data when it is deleted', async () => {
  const node = await nodeOf('db-0');
  const before = await told('db-0');
  await kubectl('delete pod db-0');
  await cluster().readyPods('app=db', 2);
  expect(await nodeOf('db-0')).toBe(node);
  expect(await written('db-0')).toBeGreaterThan(before);
});

it('keeps what was on the disk across a power cut, and goes on writing with no server in reach', async () => {
  const node = await nodeOf('db-1');
  const before = await told('db-1');
  const file = join(directoryOf(await volumeOf('data-db-1')), 'log');
  const lines = () => readFileSync(file, 'utf8').trim().split('\n').map(Number);
  await cluster().server.stop();
  await cluster().board(node).powerCut();
  const atCut = lines().length;
  expect(atCut).toBeGreaterThanOrEqual(before);
  await cluster().board(node).boot();
  await eventually(() => expect(lines().length).toBeGreaterThan(atCut), { timeoutMs: 60_000 });
  await cluster().server.start();
  await cluster().readyPods('app=db', 2);
  expect(await nodeOf('db-1')).toBe(node);
  // No number twice, none left out.
  expect(lines().slice(0, atCut)).toEqual(Array.from({ length: atCut }, (_, i) => i + 1));
});

it('removes the directory with the claim, and keeps it where the volume says so', async () => {
  const [gone, kept] = [await volumeOf('data-db-0'), await volumeOf('data-db-1')];
  const patch = '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}';
  await kubectl(`patch pv ${kept.metadata.name} -p ${patch}`);
  await kubectl('delete statefulset db');
  await kubectl('delete pvc data-db-0 data-db-1');
  await eventually(async () => expect(await kubectl('get pv -o name')).not.toContain(gone.metadata.name));
  expect(existsSync(directoryOf(gone))).toBe(false);
  await isReleased(kept);
  await kubectl(`delete pv ${kept.metadata.name}`);
  expect(existsSync(join(directoryOf(kept), 'log'))).toBe(true);
});

it('removes the directory of a board that was away, once it is back', async () => {
  // As people write it for a provisioner of that name elsewhere.
  await apply(
    cluster(),
    claim('files', { storageClassName: 'local-path' }),
    shellPod('files', 'echo mine >/data/f; sync; sleep 3600', AT_DATA, {
      volumes: [mounting('files')],
      securityContext: { runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000 },
    }),
  );
  await kubectl('wait pod/files --for=condition=Ready --timeout=60s');
  // A container that runs may not have written yet.
  await eventually(async () =>
    expect((await kubectl('exec files -- stat -c %g:%a /data/f')).trim()).toBe('2000:644'),
  );
  const volume = await volumeOf('files');
  const board = cluster().board(await nodeOf('files'));
  await kubectl('delete pod files');
  await board.powerCut();
  await kubectl('delete pvc files');
  await isReleased(volume);
  expect(existsSync(directoryOf(volume))).toBe(true);
  await board.boot();
  await eventually(async () => expect(await kubectl('get pv -o name')).toBe(''), { timeoutMs: 60_000 });
  expect(existsSync(directoryOf(volume))).toBe(false);
});

it('mounts what was there before, what lives as long as the Pod, and what lies in memory', async () => {
  const board = cluster().board('board-2');
  await board.exec('mkdir -p /srv/films && echo one >/srv/films/a');
  const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['board-2'] }];
  const modes = { accessModes: ['ReadOnlyMany'], storageClassName: '' };
  await apply(
    cluster(),
    {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'films' },
      spec: {
        ...modes,
        capacity: { storage: '1Gi' },
        local: { path: '/srv/films' },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } },
      },
    },
    claim('films', { ...modes, volumeName: 'films' }),
    shellPod(
      'many',
      'touch /films/b; echo $? >/scratch/touched; sleep 3600',
      {
        env: [{ name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
        volumeMounts: [
          { name: 'films', mountPath: '/films' },
          { name: 'scratch', mountPath: '/scratch', subPathExpr: 'of-$(NAME)' },
          { name: 'memory', mountPath: '/memory' },
          { name: 'host', mountPath: '/host' },
        ],
      },
      {
        volumes: [
          { name: 'films', persistentVolumeClaim: { claimName: 'films' } },
          { name: 'scratch', ephemeral: { volumeClaimTemplate: { spec: claim('').spec } } },
          { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '8Mi' } },
          { name: 'host', hostPath: { path: '/srv/made', type: 'DirectoryOrCreate' } },
        ],
      },
    ),
  );
  await kubectl('wait pod/many --for=condition=Ready --timeout=60s');
  await eventually(async () =>
    expect((await kubectl('exec many -- cat /films/a /scratch/touched')).trim()).toBe('one\n1'),
  );
  expect(await kubectl('exec many -- df -k /memory')).toMatch(/\s8192\s/);
  const scratch = await volumeOf('many-scratch');
  expect(existsSync(join(directoryOf(scratch), 'of-many/touched'))).toBe(true);
  await kubectl('delete pod many');
  await eventually(async () => expect(await kubectl('get pvc -o name')).not.toContain('many-scratch'));
  await eventually(() => expect(existsSync(directoryOf(scratch))).toBe(false));
  expect((await board.exec('ls /srv/films')).stdout.trim()).toBe('a');
});

it('says by name what it can not do', async () => {
  await apply(
    cluster(),
    claim('shared', { accessModes: ['ReadWriteMany'] }),
    shellPod('shared', 'sleep 3600', AT_DATA, { volumes: [mounting('shared')] }),
  );
  await eventually(async () =>
    expect(await kubectl('get events --field-selector involvedObject.name=shared')).toMatch(
      /ProvisioningFailed.*accessModes: ReadWriteMany/,
    ),
  );
});
