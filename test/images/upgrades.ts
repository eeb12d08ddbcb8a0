/** An upgrade that works, one that does not and is taken back, and ones that a board refuses. */
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '#firmware/build/run.ts';
import { formatHead, readHead } from '#proto/upgrade/bundle.ts';
import { patiently } from './cluster.ts';
import type { Images } from './images.ts';
import { expect, type Step } from './step.ts';
import { clusterOf, patience, type Shared } from './uefi.ts';

const GOOD = '90.0.0';
const BROKEN = '91.0.0';

export function upgradeSteps(images: Images, shared: Shared): readonly Step[] {
  const limit = patience(images);

  /** `coracle upgrade`, as a person would call it; never rejects. */
  const upgrade = (...args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> =>
    new Promise((resolve) => {
      const command = [
        join(images.root, 'dist/coracle.mjs'),
        'upgrade',
        '--timeout',
        `${limit / 60_000}m`,
        ...args,
      ];
      const env = { ...process.env, KUBECONFIG: clusterOf(shared).kubeconfig };
      execFile(process.execPath, command, { env, maxBuffer: 1e7 }, (err, stdout, stderr) =>
        resolve({ code: err ? 1 : 0, text: `${stdout}${stderr}`.trim() }),
      );
    });
  const systemOf = async (
    node: string,
  ): Promise<{ version: string; slot: string; state: { good: string } }> =>
    JSON.parse(await clusterOf(shared).kubectl('get', '--raw', `/api/v1/nodes/${node}/proxy/coracle/system`));

  return [
    {
      name: 'refusals',
      run: async () => {
        const file = await images.upgrade('agent', GOOD);
        const { manifest } = await readHead(chunks(readFileSync(file)));
        const forged = join(images.folder, 'forged.upgrade');
        const key = generateKeyPairSync('ed25519').privateKey;
        writeFileSync(forged, Buffer.concat([formatHead(manifest, key), Buffer.alloc(1000)]));
        const { code, text } = await upgrade('--node', 'agent', '--to', forged);
        expect(code === 1 && /not signed with the key/.test(text), text);
        const other = await upgrade('--node', 'server', '--to', file);
        expect(other.code === 0 && /no upgrade for/.test(other.text), other.text);
        const { slot } = await systemOf('agent');
        expect(slot === 'a', `the agent runs slot ${slot}`);
        return text.split('\n').slice(-1);
      },
    },
    {
      name: 'upgrade',
      run: async () => {
        const file = await images.upgrade('agent', GOOD);
        const { code, text } = await upgrade('--to', file);
        expect(code === 0, text);
        const { version, slot, state } = await systemOf('agent');
        expect(
          version === GOOD && slot === 'b' && state.good === 'b',
          JSON.stringify({ version, slot, state }),
        );
        const node = await clusterOf(shared).kubectl(
          'get',
          'node',
          'agent',
          '-o',
          'jsonpath={.spec}{.status.nodeInfo}',
        );
        expect(!node.includes('unschedulable'), node);
        await patiently(limit, async () => {
          const phase = await clusterOf(shared).kubectl(
            'get',
            'pod',
            'limited',
            '-o',
            'jsonpath={.status.phase}',
          );
          expect(phase === 'Running', `the Pod is ${phase} after the upgrade`);
        });
        return text.split('\n');
      },
    },
    {
      name: 'rollback',
      run: async () => {
        // A system that starts nothing: what a bad build would be.
        const tree = join(images.folder, 'broken');
        for (const folder of [
          'etc',
          'var',
          'data',
          'mnt',
          'dev',
          'proc',
          'sys',
          'run',
          'boot/firmware',
          'usr/lib/modules',
        ])
          mkdirSync(join(tree, folder), { recursive: true });
        const system = join(images.folder, 'broken.squashfs');
        await run('mksquashfs', [tree, system, '-noappend', '-quiet', '-no-progress', '-all-root']);
        const { code, text } = await upgrade(
          '--node',
          'agent',
          '--to',
          await images.upgrade('agent', BROKEN, system),
        );
        expect(code === 1 && /back on the old one/.test(text), text);
        const { version, slot, state } = await systemOf('agent');
        expect(
          version === GOOD && slot === 'b' && state.good === 'b',
          JSON.stringify({ version, slot, state }),
        );
        return text.split('\n');
      },
    },
  ];
}

async function* chunks(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}
