/** Who a board is: shut out by one command, itself again after a re-flash, and the same node at another address. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Node, PodSpec } from '#proto/schema/generated/core-v1.ts';
import type { Board } from '../support/boards/board.ts';
import { eventually } from '../support/boards/eventually.ts';
import { command, must } from '../support/boards/shell.ts';
import { CORACLE, isTrue } from '../support/cluster/cluster.ts';
import { containersOf, tasksOn } from '../support/cluster/containers.ts';
import { apply, helloDeployment } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const WORD = 'correct-horse-battery-staple';
const cluster = useCluster({ boards: 2 });
const kubectl = (args: string) => cluster().kubectl.ok(args);
const node = (name: string) => cluster().kubectl.json<Node>(['get', 'node', name]);
/** The command as an administrator runs it; in tests the server is not on loopback. */
const coracle = (...args: string[]) =>
  must([...CORACLE, 'node', ...args, '--kubeconfig', cluster().kubeconfigForUrl()]);

/** What a new card in the same board is: nothing that was on the old one. */
async function reflash(board: Board): Promise<void> {
  await board.powerCut();
  for (const path of ['coracle', 'containerd', 'kubelet', 'cni'])
    rmSync(join(board.directory, 'disk/var/lib', path), { recursive: true, force: true });
  await board.boot();
}

it('starts, and keeps Secrets sealed on the card', async () => {
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key' }, stringData: { word: WORD } };
  const volumes = [{ name: 'key', secret: { secretName: 'key' } }];
  await apply(cluster(), secret, helloDeployment('web', 2, { volumes } as Partial<PodSpec>));
  await cluster().readyPods('app=web', 2);
  for (const board of cluster().boards) {
    const folder = join(board.directory, 'disk/var/lib/coracle/agent');
    const encoded = Buffer.from(WORD).toString('base64').slice(0, 12);
    const { code, stdout } = await command(['grep', '-rlE', `${WORD}|${encoded}`, folder]);
    expect([code, stdout]).toEqual([1, '']);
    expect(readFileSync(join(folder, 'desired/journal'), 'utf8')).toContain('"key":"default/key","sealed"');
  }
  const listed = await coracle('list');
  for (const { name } of cluster().boards)
    expect(listed).toMatch(new RegExp(`${name} +allowed .*[0-9a-f]{12}`));
});

it('shuts a board out at once, also after a restart of the server, until it is allowed in again', async () => {
  const [board, other] = cluster().boards as [Board, Board];
  const tasks = await tasksOn(board);
  const identity = join(board.directory, 'disk/var/lib/coracle/agent/pki');
  const curl = (...args: string[]) => {
    const [key, cert, ca] = ['node.key', 'node.crt', 'ca.crt'].map((name) => join(identity, name));
    return ['curl', '-sN', '--key', `${key}`, '--cert', `${cert}`, '--cacert', `${ca}`, ...args];
  };
  const asBoard = async () => {
    const path = `${cluster().url}/api/v1/nodes/${board.name}`;
    return must(curl('-o', '/dev/null', '-w', '%{http_code}', path));
  };
  expect(await asBoard()).toBe('200');
  const [pod] = (await cluster().readyPods('app=web', 2)).filter((one) => one.spec.nodeName === board.name);
  const name = pod?.metadata.name ?? '';
  const token = (
    await kubectl(`create token default --bound-object-kind Pod --bound-object-name ${name}`)
  ).trim();
  const asPod = async () => {
    const args = [
      '--token',
      token,
      '--server',
      cluster().url,
      '--insecure-skip-tls-verify',
      'auth',
      'whoami',
    ];
    return (await cluster().kubectl.run(['--kubeconfig', '/dev/null', ...args])).code;
  };
  expect(await asPod()).toBe(0);
  // It holds what is open, too: who asks was settled when the request began.
  const seen = join(board.directory, 'seen');
  const watching = command(
    curl('-o', seen, `${cluster().url}/api/v1/nodes?watch=true&fieldSelector=metadata.name=${board.name}`),
  );
  await eventually(() => existsSync(seen) && readFileSync(seen, 'utf8').includes('ADDED'));

  expect(await coracle('revoke', board.name)).toBe(`node "${board.name}" revoked\n`);
  // Killed by nobody: the server broke it off.
  expect((await watching).code).toBeLessThan(128);
  expect(await asBoard()).toBe('401');
  expect(await asPod()).not.toBe(0);
  const logs = await cluster().kubectl.run(`logs ${name}`);
  expect(logs.stderr).toContain('is not connected');
  await cluster().server.kill();
  await cluster().server.start();
  expect(await asBoard()).toBe('401');
  await eventually(() => expect(board.log('agent')).toMatch(/was revoked/) ?? true, { timeoutMs: 60_000 });
  await eventually(async () => isTrue(await node(other.name), 'Ready'));
  expect((await cluster().kubectl.run(`logs ${name}`)).stderr).toContain('is not connected');

  await coracle('allow', board.name);
  await eventually(async () => kubectl(`logs ${name}`), { timeoutMs: 60_000 });
  await cluster().nodesReady();
  expect(await asBoard()).toBe('200');
  expect(await tasksOn(board)).toBe(tasks);
});

it('takes a board that was flashed anew for the same node, with no hand on the server', async () => {
  const [board] = cluster().boards as [Board];
  const before = await node(board.name);
  const lost = await containersOf(cluster(), 'app=web');
  await reflash(board);
  const joinedAnew = async () =>
    expect(await kubectl('get events --field-selector reason=IdentityReplaced')).toContain(board.name) ??
    true;
  await eventually(joinedAnew, { timeoutMs: 90_000 });
  await cluster().nodesReady(120_000);
  // What was told of a Pod before the flash stands until the new card has a container to tell of.
  await eventually(
    async () => {
      const pods = await cluster().readyPods('app=web', 2);
      const now = await containersOf(cluster(), 'app=web');
      for (const { metadata, spec } of pods) {
        const name = metadata.name ?? '';
        if (spec.nodeName === board.name) expect(now[name]).not.toBe(lost[name]);
        expect(now[name]).toMatch(/^containerd:/);
      }
      return true;
    },
    { timeoutMs: 120_000 },
  );
  const after = await node(board.name);
  expect(after.metadata.uid).toBe(before.metadata.uid);
  expect(after.spec.podCIDR).toBe(before.spec.podCIDR);
});

it('stays the same node at another address', async () => {
  const [board] = cluster().boards as [Board];
  const before = await containersOf(cluster(), 'app=web');
  const { metadata } = await node(board.name);
  await board.moveTo(99);
  await eventually(
    async () => {
      const { status } = await node(board.name);
      return status?.addresses?.some(({ address }) => address === board.ip);
    },
    { timeoutMs: 60_000 },
  );
  await cluster().nodesReady();
  expect((await node(board.name)).metadata.uid).toBe(metadata.uid);
  expect(await containersOf(cluster(), 'app=web')).toEqual(before);
});
