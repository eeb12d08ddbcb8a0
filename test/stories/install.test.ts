/** A release on boards that systemd runs: installed, crashed, cut off power, and taken off again. */
import { readFileSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { hostArchitecture } from '#firmware/images/build-images.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import { Board } from '../support/boards/board.ts';
import { eventually } from '../support/boards/eventually.ts';
import { type Lan, startLan } from '../support/boards/lan.ts';
import { must } from '../support/boards/shell.ts';
import { isTrue } from '../support/cluster/cluster.ts';
import { Kubectl } from '../support/cluster/kubectl.ts';
import { helloDeployment } from '../support/cluster/manifests.ts';

const ROOT = join(import.meta.dirname, '../..');
const RELEASE = '/root/release';
let lan: Lan;
let server: Board;
let agent: Board;
let kubectl: Kubectl;
let files: string;

/** Runs on the board; rejects with what it said when it fails. */
async function on(board: Board, script: string): Promise<string> {
  const { code, stdout, stderr } = await board.exec(script, { timeoutMs: 120_000 });
  if (code !== 0) throw new Error(`${board.name}: ${script}: exit code ${code}\n${stdout}${stderr}`);
  return stdout;
}
const ready = (name: string) =>
  eventually(async () => isTrue(await kubectl.json<Node>(['get', 'node', name]), 'Ready'), {
    timeoutMs: 60_000,
  });
const pods = async () =>
  (await kubectl.json<{ items: Pod[] }>('get pods -l app=web')).items.map(({ spec, status }) => ({
    node: spec.nodeName,
    ready: status?.containerStatuses?.[0]?.ready,
    container: `${status?.containerStatuses?.[0]?.containerID} ${status?.containerStatuses?.[0]?.restartCount}`,
  }));
/** Every path of the system, but for logs and what systemd keeps for itself. */
const listing = (board: Board) =>
  on(
    board,
    'find /usr /etc /var /opt | grep -vE "^/var/(log/journal|lib/(systemd|private|dpkg)|tmp/systemd)" | sort',
  );

beforeAll(async () => {
  lan = await startLan();
  const release = join(lan.directory, 'release');
  const arch = hostArchitecture();
  await must(
    [process.execPath, join(ROOT, 'firmware-images/release/main.ts'), '--output', release, '--arch', arch],
    {
      timeoutMs: 300_000,
    },
  );
  server = new Board(lan, { name: 'server', host: 11, systemd: true });
  agent = new Board(lan, { name: 'agent', host: 12, systemd: true });
  await Promise.all([server.boot(), agent.boot()]);
  for (const board of [server, agent]) await cp(release, board.rootPath + RELEASE, { recursive: true });
  files = await listing(agent);
}, 400_000);
afterAll(() => lan.stop());

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  const journals = await Promise.all(
    [server, agent].map((board) => board.exec("journalctl --no-pager -b -u 'coracle*' | tail -n 60")),
  );
  process.stderr.write(journals.map(({ stdout }) => stdout).join('\n'));
});

it('makes a server of a board with one command, closed as its unit says', async () => {
  expect(await on(server, `sh ${RELEASE}/install.sh server`)).toMatch(/is whole[\s\S]*✓ the API answers/);
  const path = join(lan.directory, 'kubeconfig.yaml');
  writeFileSync(path, readFileSync(`${server.rootPath}/etc/coracle/kubeconfig.yaml`), { mode: 0o600 });
  kubectl = new Kubectl(path, `https://${server.ip}:6443`, lan.directory);
  await ready('server');
  const security = await on(server, 'systemd-analyze security --no-pager coracle-server | tail -n 1');
  expect(Number(/: ([\d.]+)/.exec(security)?.[1])).toBeLessThanOrEqual(4);
  expect((await on(server, 'stat -c "%a %n" /etc/coracle/*')).match(/^[67]00 /gm)).toHaveLength(2);
});

it('makes an agent of another with a token, and refuses a release that was tampered with', async () => {
  const token = (await on(server, 'coracle token create')).trim().split(/\s/).at(-1);
  const install = `install.sh agent --server https://${server.ip}:6443 --token ${token}`;
  await on(agent, `cp -r ${RELEASE} /tmp/bad && echo >>$(ls /tmp/bad/*.tar.gz)`);
  await expect(on(agent, `sh /tmp/bad/${install}`)).rejects.toThrow(/is damaged/);
  await on(agent, "sed -i 's/amd64/amd46/; s/arm64/arm46/' /tmp/bad/manifest.json");
  await expect(on(agent, `sh /tmp/bad/${install}`)).rejects.toThrow(/is not signed with/);
  expect(await on(agent, `rm -r /tmp/bad && sh ${RELEASE}/${install}`)).toContain('✓ this board is part');
  await ready('agent');
});

it('has Pods on both, which stay as they are when programs crash and are started again', async () => {
  const web = helloDeployment('web', 4);
  await kubectl.ok('apply -f -', { input: JSON.stringify(web) });
  await kubectl.ok('rollout status deployment/web --timeout=60s');
  const before = await pods();
  expect(new Set(before.map(({ node }) => node))).toEqual(new Set(['server', 'agent']));
  const pidOf = async (unit: string) => (await on(server, `systemctl show -P MainPID ${unit}`)).trim();
  for (const unit of ['coracle-server', 'coracle-agent']) {
    const pid = await pidOf(unit);
    await on(server, `kill -9 ${pid}`);
    await eventually(async () => !['0', pid].includes(await pidOf(unit)), { timeoutMs: 20_000 });
  }
  await on(agent, 'systemctl restart coracle-agent');
  await eventually(() => kubectl.ok('get --raw /readyz'), { timeoutMs: 30_000 });
  await Promise.all(['server', 'agent'].map(ready));
  // What boards had told of Pods in the last moments is told again.
  await eventually(async () => expect(await pods()).toEqual(before) ?? true, { timeoutMs: 30_000 });
});

it('comes back after a power cut by itself', async () => {
  await Promise.all([server.powerCut(), agent.powerCut()]);
  await Promise.all([server.boot(), agent.boot()]);
  await eventually(async () => kubectl.ok('get --raw /readyz'), { timeoutMs: 30_000 });
  await eventually(
    async () => {
      const restarted = await pods();
      expect(restarted.every(({ ready, container }) => ready && container.endsWith(' 1'))).toBe(true);
      return true;
    },
    { timeoutMs: 60_000 },
  );
});

it('is gone with one command, and leaves nothing', async () => {
  expect(await on(agent, 'coracle uninstall')).toMatch(/✓ \d Pods ended[\s\S]*✓ files removed/);
  expect(await listing(agent)).toBe(files);
  const left =
    'systemctl list-unit-files --no-legend "coracle*"; systemctl list-units --no-legend "coracle*"; nft list tables; ip -o link show type bridge; ls /run | grep coracle || true';
  expect(await on(agent, left)).toBe('');
});
