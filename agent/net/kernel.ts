/** What the kernel has to be told before it carries the packets of Pods. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import type { Logger } from '#proto/meta/log.ts';
import type { Run } from './run.ts';

const PROC = '/proc/sys/net';

/** Forwarding on; true when packets between Pods of one bridge pass netfilter. */
export async function prepareKernel(run: Run, log: Logger, proc = PROC): Promise<boolean> {
  await forward(`${proc}/ipv4/ip_forward`, log);
  const filtered = async (): Promise<boolean> => {
    // Absent in a kernel without IPv6.
    await set(`${proc}/bridge/bridge-nf-call-ip6tables`);
    return set(`${proc}/bridge/bridge-nf-call-iptables`);
  };
  if (await filtered()) return true;
  await run('modprobe', ['br_netfilter']).catch(() => {});
  return filtered();
}

/**
 * For Pods with IPv6 addresses. A kernel that forwards no longer listens to routers, so that the board would lose its own way out:
 * where it listened it is told to go on.
 */
export async function forwardIpv6(log: Logger, proc = PROC): Promise<void> {
  const folder = `${proc}/ipv6/conf`;
  for (const name of await readdir(folder).catch(() => []))
    if (
      name !== 'all' &&
      (await readFile(`${folder}/${name}/accept_ra`, 'utf8').catch(() => '')).trim() === '1'
    )
      await writeFile(`${folder}/${name}/accept_ra`, '2').catch(() => {});
  await forward(`${folder}/all/forwarding`, log);
}

async function forward(path: string, log: Logger): Promise<void> {
  await writeFile(path, '1').catch((err: unknown) =>
    log.warn('the kernel does not forward packets: pods of other boards are not reached', { err }),
  );
}

/** True when the kernel has taken it. */
async function set(path: string): Promise<boolean> {
  try {
    await writeFile(path, '1', { flag: 'r+' });
    return (await readFile(path, 'utf8')).trim() === '1';
  } catch {
    return false;
  }
}
