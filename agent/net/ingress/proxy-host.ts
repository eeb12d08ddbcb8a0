/** What the proxy needs of the machine: its programs, its user, its ports, its limits. */
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';

export interface ProxyTools {
  readonly haproxy: string;
  readonly setpriv: string;
  /** Who the proxy runs as. */
  readonly user: { readonly uid: number; readonly gid: number };
}

const NOBODY = 65_534;

/** Or the Debian package that is missing. */
export function findProxyTools(path: string): ProxyTools | { readonly missing: string } {
  const folders = [...path.split(delimiter), '/usr/sbin', '/usr/local/sbin', '/usr/bin'].filter(Boolean);
  const find = (name: string) => folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
  const haproxy = find('haproxy');
  const setpriv = find('setpriv');
  if (!haproxy) return { missing: 'haproxy' };
  if (!setpriv) return { missing: 'util-linux' };
  // Debian's package brings a user for it.
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('haproxy:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  return { haproxy, setpriv, user: { uid: Number(uid ?? NOBODY), gid: Number(gid ?? NOBODY) } };
}

/**
 * The command that runs HAProxy with no right but to listen on ports below 1024, for good: not as root first, because what it
 * reads first are keys and certificates that users wrote.
 */
export function proxyCommand({ haproxy, setpriv, user }: ProxyTools, args: readonly string[]): string[] {
  const only = '-all,+net_bind_service';
  return [
    ...[setpriv, `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--no-new-privs'],
    ...[`--bounding-set=${only}`, `--inh-caps=${only}`, `--ambient-caps=${only}`],
    ...[haproxy, ...args],
  ];
}

/** A folder that the proxy reads and can not write. */
export function makeReadable(directory: string, { user }: ProxyTools): void {
  mkdirSync(directory, { recursive: true, mode: 0o750 });
  chmodSync(directory, 0o750);
  chownSync(directory, 0, user.gid);
}

/** A folder that is the proxy's own. */
export function makeOwn(directory: string, { user }: ProxyTools): void {
  mkdirSync(directory, { recursive: true, mode: 0o750 });
  chownSync(directory, user.uid, user.gid);
}

/** Into a folder of {@link makeReadable}, with the same rights. */
export function writeReadable(path: string, text: string, { user }: ProxyTools): void {
  writeFileSync(path, text, { mode: 0o640 });
  chownSync(path, 0, user.gid);
}

/** Whether nobody listens there. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '0.0.0.0', () => probe.close(() => resolve(true)));
  });
}

const BYTES_PER_CONNECTION = 64 * 1024;

/** An eighth of the board's memory, were all connections to have full buffers; and two files each. */
export function proxyLimits(): {
  readonly threads: number;
  readonly maxConnections: number;
  readonly ipv6: boolean;
} {
  const limit = /^Max open files\s+\S+\s+(\d+)/m.exec(read('/proc/self/limits'))?.[1];
  const files = Number(limit ?? 4_096);
  const byMemory = Math.floor(totalmem() / 8 / BYTES_PER_CONNECTION);
  return {
    threads: Math.min(4, availableParallelism()),
    maxConnections: Math.max(100, Math.min(10_000, byMemory, Math.floor((files - 200) / 2))),
    ipv6: read('/proc/net/if_inet6') !== '',
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
