/**
 * A Pod that gets a new sandbox on its board (after a power cut, above all) keeps its address. Without it, a board that restarts
 * while the server is away would have Pods that nobody finds: other boards go by the addresses they were told.
 *
 * The address plug-in (host-local) hands out the next free one after the last. So whoever had an address before is let in alone,
 * with the plug-in's note of the last one set to the one before his.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Runtime } from '../runtime/runtime.ts';
import { withOwn } from '../runtime/with-own.ts';
import { CNI_NETWORK } from './cni.plan.ts';

/** Pods that ended for good are forgotten by and by. */
const MAX_REMEMBERED = 256;

/** The same runtime, with addresses kept. Does nothing where the pod network is another's. */
export function keepAddresses<T extends Runtime>(runtime: T, ipamDir: string): T {
  const folder = join(ipamDir, CNI_NETWORK);
  const note = join(folder, 'last_reserved_ip.0');
  const uids = new Map<string, string>();
  const addresses = new Map<string, string>();
  let turn: Promise<unknown> = Promise.resolve();

  const own: Pick<Runtime, 'list' | 'stopSandbox' | 'runSandbox'> = {
    async list() {
      const listed = await runtime.list();
      uids.clear();
      for (const { id, uid } of listed.sandboxes) uids.set(id, uid);
      return listed;
    },
    async stopSandbox(id) {
      const uid = uids.get(id);
      const ip = uid && (await reservedBy(folder, id));
      if (uid && ip) {
        addresses.delete(uid);
        addresses.set(uid, ip);
        const [oldest] = addresses.keys();
        if (addresses.size > MAX_REMEMBERED && oldest !== undefined) addresses.delete(oldest);
      }
      await runtime.stopSandbox(id);
    },
    async runSandbox(config) {
      const ip = addresses.get(config.uid);
      const before = turn;
      if (!ip) {
        await before;
        return runtime.runSandbox(config);
      }
      addresses.delete(config.uid);
      const run = before.then(async () => {
        await writeFile(note, previous(ip)).catch(() => {});
        return runtime.runSandbox(config);
      });
      turn = run.catch(() => {});
      return run;
    },
  };
  return withOwn(runtime, own);
}

/** The plug-in keeps a file for each address, named by it, that begins with the sandbox's id. */
async function reservedBy(folder: string, sandboxId: string): Promise<string | undefined> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    if (!/^\d+(\.\d+){3}$/.test(name)) continue;
    const holder = await readFile(join(folder, name), 'utf8').catch(() => '');
    if (holder.split(/\s/)[0] === sandboxId) return name;
  }
  return undefined;
}

function previous(ip: string): string {
  const number = ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) - 1;
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
}
