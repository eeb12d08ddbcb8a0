/**
 * What Coracle starts that Debian has to bring. This is the list; what installs programs (the set-up of a machine, the
 * installer, the images) is held to it by a test.
 */
import type { Role } from './facts.ts';

export interface NeededProgram {
  /** Debian's package. */
  readonly package: string;
  /** Any one of them will do. */
  readonly anyOf: readonly string[];
  /** What does not work without it; undefined: nothing does. */
  readonly otherwise?: string;
  /** Only there. */
  readonly role?: Role;
}

export const PROGRAMS: readonly NeededProgram[] = [
  { package: 'containerd', anyOf: ['containerd'] },
  { package: 'crun', anyOf: ['crun', 'runc'] },
  { package: 'containernetworking-plugins', anyOf: ['bridge'] },
  { package: 'iproute2', anyOf: ['ip'] },
  { package: 'nftables', anyOf: ['nft'] },
  // The bridge plug-in's masquerading.
  { package: 'iptables', anyOf: ['iptables'] },
  { package: 'kmod', anyOf: ['modprobe'], otherwise: 'kernel modules have to be loaded by hand' },
  {
    package: 'conntrack',
    anyOf: ['conntrack'],
    otherwise: 'UDP clients of a Service go on sending to a Pod that is gone',
  },
  { package: 'haproxy', anyOf: ['haproxy'], otherwise: 'Ingresses are not served by this board' },
  {
    package: 'mosquitto',
    anyOf: ['mosquitto'],
    otherwise: 'the server uses its own MQTT broker, which is slower',
    role: 'server',
  },
];
