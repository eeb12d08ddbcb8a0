/** A backup of a busy cluster, and the same cluster on another server. */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { systemClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { APIResourceList } from '#proto/schema/generated/meta-v1.ts';
import { openStore } from '#server/store/open.ts';
import { eventually } from '../support/boards/eventually.ts';
import { Api, credentialsOf } from '../support/cluster/api.ts';
import { CORACLE } from '../support/cluster/cluster.ts';
import { containersOf } from '../support/cluster/containers.ts';
import { apply, helloDeployment } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 1 });
const path = (name: string): string => join(cluster().lan.directory, name);
async function coracle(...args: string[]): Promise<string> {
  const [program = '', ...first] = CORACLE;
  // The server is not where the kubeconfig beside it says: it listens on the boards' network alone.
  const { stdout } = await promisify(execFile)(program, [...first, ...args], {
    env: { ...process.env, KUBECONFIG: cluster().kubeconfigForUrl() },
  });
  return stdout;
}
const backups = (): string[] => readdirSync(path('backups')).sort();

/** Writes until it is stopped; resolves once the server has taken the first writes. */
async function load(): Promise<() => Promise<void>> {
  const api = new Api(cluster().url, credentialsOf(cluster().kubeconfig), 4);
  let on = true;
  let taken = 0;
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    for (let n = 0; on; n++) {
      const name = `load-${writer}-${n % 50}`;
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { n: String(n) } };
      const at = '/api/v1/namespaces/default/configmaps';
      const answer =
        n < 50
          ? await api.create(at, object)
          : await api.send('PUT', `${at}/${name}`, { body: JSON.stringify(object) });
      if (answer.status < 300) taken++;
    }
  });
  await eventually(() => taken > 50);
  return async () => {
    on = false;
    await Promise.all(writers);
    api.close();
  };
}

/** Every object of the cluster as it was at a revision, by uid. */
async function stateAt(revision: number): Promise<Map<string, KubeObject>> {
  const api = new Api(cluster().url, credentialsOf(cluster().kubeconfig), 1);
  const raw = async <T>(url: string): Promise<T> => (await api.send('GET', url)).json<T>();
  const { groups } = await raw<{ groups: { name: string; preferredVersion: { groupVersion: string } }[] }>(
    '/apis',
  );
  // Metrics are no objects, and the events of both groups are the same ones.
  const own = groups.filter(({ name }) => !['metrics.k8s.io', 'events.k8s.io'].includes(name));
  const bases = ['/api/v1', ...own.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)];
  const state = new Map<string, KubeObject>();
  for (const base of bases) {
    const { resources } = await raw<APIResourceList>(base);
    for (const { name, verbs, kind } of resources) {
      if (!verbs.includes('list') || !verbs.includes('delete')) continue;
      const { items, apiVersion } = await raw<{ items: KubeObject[]; apiVersion: string }>(
        `${base}/${name}?resourceVersion=${revision}&resourceVersionMatch=Exact`,
      );
      for (const item of items) state.set(item.metadata.uid ?? '', { ...item, kind, apiVersion });
    }
  }
  api.close();
  return state;
}

it('saves a cluster under load, and each object is in it as it was at that revision', async () => {
  await apply(cluster(), helloDeployment('web', 2));
  await cluster().readyPods('app=web', 2);
  mkdirSync(path('backups'));
  const stop = await load();
  const printed = await coracle('backup', '--to', path('backups')).finally(stop);
  const revision = Number(/at revision (\d+)/.exec(printed)?.[1]);
  const expected = await stateAt(revision);
  expect(expected.size).toBeGreaterThan(100);

  const [name = ''] = backups();
  expect(await coracle('backup', 'check', join(path('backups'), name))).toContain(`revision ${revision}`);
  await coracle('restore', join(path('backups'), name), '--data-dir', path('elsewhere'));
  const store = await openStore({
    directory: join(path('elsewhere'), 'server/store'),
    clock: systemClock,
    log: silent,
  });
  const restored = new Map(
    store.range({ prefix: '' }).entries.map(({ object }) => {
      const it = object as KubeObject;
      return [it.metadata.uid ?? '', it];
    }),
  );
  await store.close();
  for (const [uid, object] of expected) expect(restored.get(uid)).toEqual(object);
  for (const [uid, { kind, metadata }] of restored)
    if (!expected.has(uid))
      expect({ kind, name: metadata.name, found: 'only in the backup' }).toBeUndefined();
});

it('seals a backup, refuses a damaged one, and changes nothing by it', async () => {
  writeFileSync(path('passphrase'), 'correct horse battery staple\n');
  mkdirSync(path('sealed'));
  const flags = ['--passphrase-file', path('passphrase')];
  await coracle('backup', '--to', path('sealed'), ...flags);
  const [name = ''] = readdirSync(path('sealed'));
  const file = join(path('sealed'), name);
  expect(readFileSync(file).includes('configmaps')).toBe(false);
  await expect(coracle('backup', 'check', file)).rejects.toThrow(/--passphrase-file/);
  expect(await coracle('backup', 'check', file, ...flags)).toContain('objects');

  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
  writeFileSync(file, bytes);
  const again = ['--data-dir', path('elsewhere'), '--force', ...flags];
  await expect(coracle('restore', file, ...again)).rejects.toThrow(/damaged/);
  expect(readdirSync(path('elsewhere'))).toEqual(['server']);
});

it('lets only administrators have it', async () => {
  await cluster().kubectl.ok('create serviceaccount nobody');
  const token = (await cluster().kubectl.ok('create token nobody')).trim();
  const api = new Api(cluster().url, { ca: credentialsOf(cluster().kubeconfig).ca, token });
  expect((await api.send('GET', '/coracle/v1/backup')).status).toBe(403);
  api.close();
});

it('brings the same cluster back on a server that has nothing else', async () => {
  const before = await containersOf(cluster(), 'app=web');
  await coracle('backup', '--to', path('backups'));
  const newest = join(path('backups'), backups().at(-1) ?? '');
  await cluster().kubectl.ok('create configmap after-the-backup');
  await cluster().server.kill();
  rmSync(path('server'), { recursive: true });
  await coracle('restore', newest, '--data-dir', path('server'));
  await cluster().server.start();
  await cluster().nodesReady();
  await cluster().readyPods('app=web', 2);
  expect(await containersOf(cluster(), 'app=web')).toEqual(before);
  expect(await cluster().kubectl.ok('get configmaps -o name')).not.toContain('after-the-backup');
  await cluster().kubectl.ok('scale deployment web --replicas=3');
  await cluster().readyPods('app=web', 3);
});
