/** An upgrade that works, ones that do not and are taken back, and ones that a board refuses. */
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '#firmware/build/run.ts';
import { formatHead, readHead } from '#proto/upgrade/bundle.ts';
import { patiently } from './cluster.ts';
import { hangingProgram } from './hanging-program.ts';
import type { Images } from './images.ts';
import { expect, type Step } from './step.ts';
import { clusterOf, patience, type Shared } from './uefi.ts';

const GOOD = '90.0.0';
/** Newer than the server by a patch only: an agent may be that. */
const BROKEN = '90.0.1';

/** With a controller: it moves to another board and back. */
const MOVING = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'moving' },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'moving' } },
    template: {
      metadata: { labels: { app: 'moving' } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'app', image: 'coracle.local/hello:1' }],
      },
    },
  },
};

/** What every system has, so that the initrd can put a root together. */
const FOLDERS = [
  ...['etc', 'var', 'data', 'mnt', 'dev', 'proc', 'sys', 'run', 'boot/firmware'],
  ...['usr/lib/modules', 'usr/lib/systemd', 'usr/sbin'],
];

export function upgradeSteps(images: Images, shared: Shared): readonly Step[] {
  const limit = patience(images);

  /** `coracle upgrade`, as a person would call it, who presses Ctrl-C once it has said `until`; never rejects. */
  const upgradeUntil = (
    until: RegExp | undefined,
    ...args: readonly string[]
  ): Promise<{ readonly code: number; readonly text: string }> =>
    new Promise((resolve) => {
      const command = [
        join(images.root, 'dist/coracle.mjs'),
        'upgrade',
        '--timeout',
        `${limit / 60_000}m`,
        ...args,
      ];
      const env = { ...process.env, KUBECONFIG: clusterOf(shared).kubeconfig };
      const child = execFile(process.execPath, command, { env, maxBuffer: 1e7 }, (err, stdout, stderr) =>
        resolve({ code: err ? 1 : 0, text: `${stdout}${stderr}`.trim() }),
      );
      let said = '';
      const hear = (chunk: string): void => {
        said += chunk;
        if (!until?.test(said)) return;
        child.kill('SIGINT');
        child.stdout?.off('data', hear);
      };
      child.stdout?.on('data', hear);
    });
  const upgrade = (...args: readonly string[]) => upgradeUntil(undefined, ...args);
  const systemOf = (node: string) => clusterOf(shared).systemOf(node);
  const kubectl = (...args: readonly string[]): Promise<string> => clusterOf(shared).kubectl(...args);
  const isCordoned = async (node: string): Promise<boolean> =>
    (await kubectl('get', 'node', node, '-o', 'jsonpath={.spec.unschedulable}')) !== '';
  const isRunning = (what: string, path: string): Promise<void> =>
    patiently(limit, async () => {
      const found = await kubectl('get', ...what.split(' '), '-o', `jsonpath=${path}`);
      expect(['Running', '1'].includes(found), `${what} is ${found || 'not there'}`);
    });
  /** A board that gets a system which never comes up is back on the one before; gives what the command said. */
  const takenBack = async (name: string, files: Readonly<Record<string, Buffer>>): Promise<string> => {
    const tree = join(images.folder, name);
    for (const folder of FOLDERS) mkdirSync(join(tree, folder), { recursive: true });
    for (const [path, bytes] of Object.entries(files))
      writeFileSync(join(tree, path), bytes, { mode: 0o755 });
    symlinkSync('../lib/systemd/systemd', join(tree, 'usr/sbin/init'));
    symlinkSync('usr/sbin', join(tree, 'sbin'));
    const system = join(images.folder, `${name}.squashfs`);
    await run('mksquashfs', [tree, system, '-noappend', '-quiet', '-no-progress', '-all-root']);
    const file = await images.upgrade('agent', BROKEN, system);
    const { code, text } = await upgrade('--node', 'agent', '--to', file);
    expect(code === 1 && /back on the old one/.test(text), text);
    const { version, slot, state } = await systemOf('agent');
    expect(version === GOOD && slot === 'b' && state.good === 'b', JSON.stringify({ version, slot, state }));
    expect(!(await isCordoned('agent')), 'the agent takes no Pods');
    return text;
  };

  return [
    {
      name: 'refusals',
      run: async () => {
        const file = await images.upgrade('agent', GOOD);
        const { manifest } = await readHead(chunks(readFileSync(file)));
        const forged = join(images.folder, 'forged.upgrade');
        const key = generateKeyPairSync('ed25519').privateKey;
        writeFileSync(
          forged,
          Buffer.concat([formatHead({ ...manifest, version: '0.1.1' }, key), Buffer.alloc(1000)]),
        );
        const { code, text } = await upgrade('--node', 'agent', '--to', forged);
        expect(code === 1 && /not signed with the key/.test(text), text);
        const other = await upgrade('--to', file);
        expect(
          other.code === 0 && /no upgrade for/.test(other.text) && /the server goes first/.test(other.text),
          other.text,
        );
        const { slot } = await systemOf('agent');
        expect(slot === 'a', `the agent runs slot ${slot}`);
        return text.split('\n').slice(-1);
      },
    },
    {
      name: 'upgrade',
      run: async () => {
        await clusterOf(shared).kubectlWith(['apply', '-f', '-'], JSON.stringify(MOVING));
        await isRunning('deployment moving', '{.status.availableReplicas}');
        const files = [await images.upgrade('agent', GOOD), await images.upgrade('server', GOOD)];
        const sending = await upgradeUntil(/server.*of \d+ MB are there/, '--to', ...files);
        expect(/interrupted; stays on .*; takes Pods again/.test(sending.text), sending.text);
        expect(!(await isCordoned('server')), 'the server takes no Pods after a Ctrl-C');
        const starting = await upgradeUntil(/server.*is starting again/, '--to', ...files);
        expect(/interrupted; was told to start with the new system/.test(starting.text), starting.text);
        expect(
          await patiently(limit, () => isCordoned('server')),
          'the server takes Pods while it is on trial',
        );
        const { code, text } = await upgrade('--to', ...files);
        expect(code === 0, text);
        expect(
          /server.*was left[\s\S]*server.*runs the new[\s\S]*agent.*goes from/.test(text),
          `the server does not go first:\n${text}`,
        );
        expect(/1 Pod moves/.test(text), `no Pod has moved:\n${text}`);
        for (const node of ['server', 'agent']) {
          const { version, slot, state } = await systemOf(node);
          expect(
            version === GOOD && slot === 'b' && state.good === 'b',
            JSON.stringify({ version, slot, state }),
          );
          expect(!(await isCordoned(node)), `${node} takes no Pods`);
        }
        await isRunning('pod limited', '{.status.phase}');
        await isRunning('deployment moving', '{.status.availableReplicas}');
        return [sending.text, starting.text, text].join('\n').split('\n');
      },
    },
    {
      name: 'rollback',
      run: async () => {
        // It mounts and begins, and then nothing more happens: only the watchdog can help.
        const init = { 'usr/lib/systemd/systemd': hangingProgram(images.board.arch) };
        const text = await takenBack('hanging', init);
        const heard = clusterOf(shared).agent.console.match(/watchdog did not stop/g)?.length ?? 0;
        return [...text.split('\n'), `the console told of the watchdog ${heard} times`];
      },
    },
    {
      name: 'empty',
      run: async () => (await takenBack('empty', {})).split('\n'),
    },
  ];
}

async function* chunks(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}
