/**
 * The MTU of Pods that run already. The kernel tells a Pod by ICMP what is too large for a tunnel, but between Pods of one bridge
 * it just drops it: all of them have the same.
 */
import { readFile } from 'node:fs/promises';
import type { Run } from './run.ts';

/** Sets it at both ends of each cable of the Pods' bridge. What is gone meanwhile is passed over. */
export async function resizePods(mtu: number, run: Run, mounts = '/proc/self/mounts'): Promise<void> {
  const text = await run('ip', ['-json', 'link', 'show', 'master', 'cni0']).catch(() => '[]');
  const cables = JSON.parse(text.trim() || '[]') as readonly { ifname: string; mtu: number }[];
  const namespaces = podNamespaces(await readFile(mounts, 'utf8').catch(() => ''));
  const inside = namespaces.map((path) =>
    run('nsenter', [`--net=${path}`, 'ip', 'link', 'set', 'dev', 'eth0', 'mtu', `${mtu}`]).catch(() => ''),
  );
  await Promise.all(inside);
  const wrong = cables.filter((cable) => cable.mtu !== mtu);
  if (wrong.length === 0) return;
  const lines = wrong.map(({ ifname }) => `link set dev ${ifname} mtu ${mtu}\n`);
  await run('ip', ['-force', '-batch', '-'], lines.join('')).catch(() => '');
}

/** Network namespaces that the runtime has made for Pods, from the mount table. */
export function podNamespaces(mounts: string): string[] {
  const paths = mounts.split('\n').flatMap((line) => {
    const [, path = '', type] = line.split(' ');
    return type === 'nsfs' && /\/cni-[^/]+$/.test(path) ? [path] : [];
  });
  return [...new Set(paths)];
}
