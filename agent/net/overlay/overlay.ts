/**
 * Keeps the ways to other boards' Pods: looks at the boards and at the kernel, plans, and carries out what differs. Routes and devices
 * of others are never touched. Works from the board's own disk.
 */
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { isIpv4, isIpv6 } from '#proto/net/cidr.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';
import { keep } from '../keep.ts';
import type { Run } from '../run.ts';
import { Trigger } from '../trigger.ts';
import { type NetworkMode, planPaths, podMtu, rangesOf, type TunnelPeer } from './paths.plan.ts';
import { familyOf, type KernelRoute, planRoutes, routesOf } from './routes.plan.ts';
import { planVxlan, VXLAN_DEVICE, VXLAN_PORT } from './vxlan.plan.ts';
import { vxlanOf } from './vxlan-present.ts';
import { WIREGUARD_DEVICE, WIREGUARD_PORT } from './wireguard.plan.ts';
import type { Wireguard } from './wireguard.ts';

export interface OverlayOptions {
  /** Undefined while the server has not told. */
  readonly mode: () => NetworkMode | undefined;
  /** UDP, 0 for the usual one. */
  readonly tunnelPort: () => number;
  /** All boards; undefined while this one does not know them all. */
  readonly nodes: () => readonly Node[] | undefined;
  readonly nodeName: string;
  readonly serviceCidr: () => string | undefined;
  readonly hostIps: () => readonly string[];
  /** Addresses with their segments, by interface. */
  readonly interfaces: () => Readonly<Record<string, readonly string[]>>;
  /** Of the interface that has this address. */
  readonly linkMtu: (address: string) => Promise<number>;
  /** What fits through the narrowest way in use. */
  readonly onPodMtu: (mtu: number) => Promise<void>;
  readonly wireguard: () => Promise<Wireguard>;
  readonly run: Run;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A cable that was out takes its routes along: looked at again even when no board has changed. */
const CHECK_MS = 30_000;
const GAP_MS = 200;
/** They lead to no other board. */
const NO_SEGMENT = new Set(['lo', 'cni0', VXLAN_DEVICE, WIREGUARD_DEVICE]);

export class Overlay {
  readonly #options: OverlayOptions;
  readonly #trigger: Trigger;
  #beyond = '';

  constructor(options: OverlayOptions) {
    this.#options = options;
    this.#trigger = new Trigger(options.clock);
  }

  changed(): void {
    this.#trigger.fire();
  }

  /** Until the signal aborts; the ways stay. */
  run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    return keep(
      {
        ...{ trigger: this.#trigger, clock, gapMs: GAP_MS, checkMs: CHECK_MS, retryMs: CHECK_MS },
        apply: () => this.apply(),
        failed: (err) => log.warn('ways to other boards not set, again soon', { err }),
      },
      signal,
    );
  }

  /** One look and what follows from it. */
  async apply(): Promise<void> {
    const { nodeName, interfaces, hostIps, linkMtu, onPodMtu, serviceCidr } = this.#options;
    const nodes = this.#options.nodes();
    const mode = this.#options.mode();
    if (!nodes || !mode) return;
    const present = interfaces();
    const own = nodes.find(({ metadata }) => metadata.name === nodeName);
    const ranges = own ? rangesOf(own) : [];
    const [local] = hostIps();
    const segments = Object.entries(present).flatMap(([name, cidrs]) => (NO_SEGMENT.has(name) ? [] : cidrs));
    const { paths, peers, beyond } = planPaths({ mode, nodes, nodeName, segments, local });
    this.#tell(beyond, mode);
    const mtu = podMtu(local ? await linkMtu(local) : Number.POSITIVE_INFINITY, peers);
    await onPodMtu(mtu);
    const end = local && ranges.length > 0 ? { local, ranges, mtu } : undefined;
    if (mode === 'wireguard' && own) await this.#wireguard(own, end, peers);
    else if (WIREGUARD_DEVICE in present) await this.#ip([`link del dev ${WIREGUARD_DEVICE}`]);
    const removed = await this.#vxlan(end, VXLAN_DEVICE in present, peers);
    const cidrs = serviceCidr()?.split(',') ?? [];
    for (const family of ['4', '6'] as const) {
      const service = cidrs.find((cidr) => familyOf(cidr) === family);
      if (family === '6' && !service && !ranges.some(isIpv6)) continue;
      const routes = await this.#json<KernelRoute>('ip', [`-${family}`, 'route', 'show']);
      const plan = planRoutes({
        // No tunnel begins at a board without a Pod network of its own.
        paths: paths.filter(({ kind, range }) => familyOf(range) === family && (end || kind === 'direct')),
        serviceCidr: service,
        hostIp: hostIps().find(family === '4' ? isIpv4 : isIpv6),
        ...routesOf(routes),
      });
      await this.#ip(plan);
    }
    await this.#ip(removed);
  }

  /** Gives what is to be done after the routes. */
  async #vxlan(
    end: { local: string; ranges: readonly string[]; mtu: number } | undefined,
    exists: boolean,
    all: readonly TunnelPeer[],
  ): Promise<readonly string[]> {
    const { run, tunnelPort } = this.#options;
    const peers = all.filter(({ kind }) => kind === 'vxlan');
    if (!exists && peers.length === 0) return [];
    const plan = planVxlan(
      end && { ...end, port: tunnelPort() || VXLAN_PORT },
      peers,
      // A device without an address is not among the interfaces, and asked for all the same.
      await vxlanOf((program, args) => this.#json(program, args)),
    );
    await this.#ip(plan.ip);
    if (plan.bridge.length > 0) await run('bridge', ['-force', '-batch', '-'], lines(plan.bridge));
    return plan.last;
  }

  async #wireguard(
    own: Node,
    end: { ranges: readonly string[]; mtu: number } | undefined,
    peers: readonly TunnelPeer[],
  ): Promise<void> {
    const wireguard = await this.#options.wireguard();
    const port = this.#options.tunnelPort() || WIREGUARD_PORT;
    if (end) await wireguard.apply({ ...end, port }, peers);
    await wireguard.publish(own);
  }

  #tell(beyond: readonly string[], mode: NetworkMode): void {
    if (beyond.join() !== this.#beyond && beyond.length > 0)
      this.#options.log.warn('boards that no way leads to: their pods are not reached', {
        nodes: beyond.join(','),
        network: mode,
      });
    this.#beyond = beyond.join();
  }

  async #json<T>(program: string, args: readonly string[]): Promise<readonly T[]> {
    return JSON.parse((await this.#options.run(program, ['-json', ...args])).trim() || '[]') as T[];
  }

  /** One that is refused does not hold up the others. */
  async #ip(commands: readonly string[]): Promise<void> {
    if (commands.length > 0) await this.#options.run('ip', ['-force', '-batch', '-'], lines(commands));
  }
}

const lines = (commands: readonly string[]): string => commands.map((line) => `${line}\n`).join('');
