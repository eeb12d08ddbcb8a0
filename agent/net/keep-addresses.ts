/**
 * A Pod that gets a new sandbox on its board (after a power cut, above all) keeps its address. Without it, a board that restarts
 * while the server is away would have Pods that nobody finds: other boards go by the addresses they were told.
 *
 * The address plug-in (host-local) hands out the next free one after the last, of each family. So whoever had addresses before is
 * let in alone, with the plug-in's notes of the last ones set to those before his.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addressOf, numberOf } from '#proto/net/cidr.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { withOwn } from '../runtime/with-own.ts';
import { CNI_NETWORK } from './cni.plan.ts';

/** Pods that ended for good are forgotten by and by. */
const MAX_REMEMBERED = 256;

/** The same runtime, with addresses kept. Does nothing where the pod network is another's. */
export function keepAddresses<T extends Runtime>(runtime: T, ipamDir: string): T {
  const folder = join(ipamDir, CNI_NETWORK);
  const uids = new Map<string, string>();
  const addresses = new Map<string, readonly string[]>();
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
      const ips = uid ? await reservedBy(folder, id) : [];
      if (uid && ips.length > 0) {
        addresses.delete(uid);
        addresses.set(uid, ips);
        const [oldest] = addresses.keys();
        if (addresses.size > MAX_REMEMBERED && oldest !== undefined) addresses.delete(oldest);
      }
      await runtime.stopSandbox(id);
    },
    async runSandbox(config) {
      const ips = addresses.get(config.uid);
      const before = turn;
      if (!ips) {
        await before;
        return runtime.runSandbox(config);
      }
      addresses.delete(config.uid);
      const run = before.then(async () => {
        await takeBack(folder, ips);
        return runtime.runSandbox(config);
      });
      turn = run.catch(() => {});
      return run;
    },
  };
  return withOwn(runtime, own);
}

/** The plug-in keeps a file for each address, named by it, that begins with the sandbox's id. */
async function reservedBy(folder: string, sandboxId: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    if (!numberOf(name)) continue;
    const holder = await readFile(join(folder, name), 'utf8').catch(() => '');
    if (holder.split(/\s/)[0] === sandboxId) found.push(name);
  }
  return found;
}

/** The plug-in has a note for each of its ranges, by number. */
async function takeBack(folder: string, ips: readonly string[]): Promise<void> {
  for (const range of [0, 1]) {
    const note = join(folder, `last_reserved_ip.${range}`);
    const last = numberOf((await readFile(note, 'utf8').catch(() => '')).trim());
    for (const ip of ips) {
      const number = numberOf(ip);
      if (number && number.width === last?.width)
        await writeFile(note, addressOf(number.value - 1n, number.width)).catch(() => {});
    }
  }
}
