import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Runtime, Sandbox, SandboxConfig } from '../runtime/runtime.ts';
import { keepAddresses } from './keep-addresses.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'coracle-ipam-'));
  mkdirSync(join(folder, 'coracle'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, 'coracle', name);

/** Gives addresses out as the plug-in does: the next free one after the last. */
function aRuntime() {
  const state = { running: 0, most: 0, sandboxes: [] as Sandbox[] };
  const runtime = {
    list: async () => ({ sandboxes: state.sandboxes, containers: [] }),
    async runSandbox({ uid }: SandboxConfig) {
      state.most = Math.max(state.most, ++state.running);
      await new Promise((resolve) => setImmediate(resolve));
      const last = Number(readFileSync(file('last_reserved_ip.0'), 'utf8').split('.')[3]);
      const id = `${uid}-${state.sandboxes.length}`;
      writeFileSync(file(`10.42.1.${last + 1}`), `${id}\r\neth0`);
      writeFileSync(file('last_reserved_ip.0'), `10.42.1.${last + 1}`);
      state.sandboxes.push({ id, uid } as Sandbox);
      state.running--;
      return id;
    },
    async stopSandbox(id: string) {
      for (let i = 2; i < 20; i++)
        try {
          if (readFileSync(file(`10.42.1.${i}`), 'utf8').startsWith(`${id}\r`)) rmSync(file(`10.42.1.${i}`));
        } catch {
          // Free.
        }
    },
  };
  return { state, runtime: runtime as unknown as Runtime };
}
const config = (uid: string) => ({ uid }) as SandboxConfig;
const holderOf = (ip: string) => readFileSync(file(ip), 'utf8').split('-')[0];

it('gives a Pod its address again, whatever the order in which they come back', async () => {
  writeFileSync(file('last_reserved_ip.0'), '10.42.1.1');
  const { state, runtime } = aRuntime();
  const kept = keepAddresses(runtime, folder);
  for (const uid of ['a', 'b', 'c']) await kept.runSandbox(config(uid));
  const { sandboxes } = await kept.list();
  await Promise.all(sandboxes.slice().map(({ id }) => kept.stopSandbox(id)));
  state.most = 0;
  await Promise.all(['c', 'a', 'b'].map((uid) => kept.runSandbox(config(uid))));
  expect(['10.42.1.2', '10.42.1.3', '10.42.1.4'].map(holderOf)).toEqual(['a', 'b', 'c']);
  expect(state.most).toBe(1);
});

it('keeps an address of each family', async () => {
  writeFileSync(file('last_reserved_ip.0'), '10.42.1.9');
  writeFileSync(file('last_reserved_ip.1'), 'fd42:0:0:1::9');
  writeFileSync(file('10.42.1.3'), 'a-0\r\neth0');
  writeFileSync(file('fd42:0:0:1::4'), 'a-0\r\neth0');
  const { state, runtime } = aRuntime();
  state.sandboxes.push({ id: 'a-0', uid: 'a' } as Sandbox);
  const kept = keepAddresses(runtime, folder);
  await kept.list();
  await kept.stopSandbox('a-0');
  await kept.runSandbox(config('a'));
  expect(holderOf('10.42.1.3')).toBe('a');
  expect(readFileSync(file('last_reserved_ip.1'), 'utf8')).toBe('fd42:0:0:1::3');
});

it('lets new Pods in beside each other, and a failure holds nobody up', async () => {
  writeFileSync(file('last_reserved_ip.0'), '10.42.1.1');
  const { state, runtime } = aRuntime();
  const kept = keepAddresses(runtime, folder);
  await Promise.all(['a', 'b'].map((uid) => kept.runSandbox(config(uid))));
  expect(state.most).toBe(2);
  await kept.list();
  await kept.stopSandbox('b-1');
  rmSync(file('last_reserved_ip.0'));
  mkdirSync(file('last_reserved_ip.0')); // neither written nor read any more
  await expect(kept.runSandbox(config('b'))).rejects.toThrow();
  rmSync(file('last_reserved_ip.0'), { recursive: true });
  writeFileSync(file('last_reserved_ip.0'), '10.42.1.9');
  await kept.runSandbox(config('d'));
  expect(holderOf('10.42.1.10')).toBe('d');
});
