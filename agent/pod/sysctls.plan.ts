/** Which kernel parameters a Pod may set. Pure. Rule: the kubelet's allow list of sysctls. */
import type { Pod } from '#proto/schema/generated/core-v1.ts';

/** Each Pod has them for itself, and they cannot harm others. */
const SAFE = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
]);

/** Why the Pod is not taken; undefined: it may set what it asks for. `allowed` may end in `*`. */
export function forbiddenSysctl({ spec }: Pod, allowed: readonly string[]): string | undefined {
  for (const sysctl of spec.securityContext?.sysctls ?? []) {
    const name = sysctl.name.replaceAll('/', '.');
    const known = SAFE.has(name) || allowed.some((one) => matches(one, name));
    if (!known) return `forbidden sysctl: "${name}" not allowlisted`;
    const ofNetwork = name.startsWith('net.');
    if (ofNetwork && spec.hostNetwork) return `forbidden sysctl: "${name}" not allowed with host net enabled`;
    if (!ofNetwork && spec.hostIPC) return `forbidden sysctl: "${name}" not allowed with host ipc enabled`;
  }
  return undefined;
}

const matches = (pattern: string, name: string): boolean =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;

/** `kernel.msg*` or `net.core.somaxconn`: only what each Pod has for itself. Throws an Error. */
export function parseUnsafeSysctl(text: string): string {
  if (/^(kernel\.(sem|shm|msg)|fs\.mqueue\.|net\.)[\w.]*\*?$/.test(text)) return text;
  throw new Error(
    `"${text}" is not known to be a Pod's own: kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.* and net.* are`,
  );
}
