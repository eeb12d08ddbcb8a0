/**
 * Ingresses on this board: HAProxy, configured from what the board itself holds, so that they are served while the server is
 * away and after a power cut. It runs only while there is an Ingress. What users write wrongly costs them their own
 * rule or certificate, nobody else's.
 *
 * Why HAProxy, of what Debian has (amd64, two cores shared with load generator and origin, three runs, keep-alive):
 *                     requests/s         resident  (private)   Pods come and go
 *   HAProxy 2.6       24,000 to 31,000   20 MB     (4 MB)      over its runtime API, without a reload
 *   nginx-light 1.22  27,000 to 35,000   26 MB     (7 MB)      by a reload, each time; no affinity by cookie
 *   Node's own http    7,000 to  8,000   85 MB     (35 MB)     as we like
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { NODE_CONDITION } from '#proto/ingress/ingress.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { Service } from '#proto/schema/generated/core-v1.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import type { Ingress } from '#proto/schema/generated/networking-v1.ts';
import { reconnectDelayMs } from '../../link/backoff.plan.ts';
import type { DesiredState } from '../../link/cluster.ts';
import type { PartVerdicts } from '../../node/part-verdicts.ts';
import { Trigger } from '../trigger.ts';
import { Certificates } from './certificates.ts';
import { ExternalNames } from './external-names.ts';
import {
  assignSlots,
  DEFAULT_CERTIFICATE,
  planFiles,
  planSlotChanges,
  type Slots,
  shapeOf,
} from './haproxy.plan.ts';
import { planPortConflicts } from './ports.plan.ts';
import {
  findProxyTools,
  isFree,
  makeOwn,
  makeReadable,
  type ProxyTools,
  proxyCommand,
  proxyLimits,
  writeReadable,
} from './proxy-host.ts';
import { ProxyProcess } from './proxy-process.ts';
import { planRouting, type Routing } from './routing.plan.ts';

export interface IngressOptions {
  readonly nodeName: string;
  readonly desired: DesiredState;
  readonly httpPort: number;
  readonly httpsPort: number;
  /** In memory: it holds keys and is written anew. Ours alone. */
  readonly directory: string;
  /** Where programs are looked for, as in the environment. */
  readonly path: string;
  readonly clusterDns: () => string | undefined;
  readonly hostIps: () => readonly string[];
  readonly verdicts: PartVerdicts;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

const ZONE_LABEL = 'topology.kubernetes.io/zone';
/** Of what does not tell when it changes: names of the world, and ports that somebody else has. */
const LOOK_AGAIN_MS = 30_000;
const NEVER_MS = 2 ** 31 - 1;
/** Ingresses come in numbers; each reload is two processes. */
const RELOAD_PAUSE_MS = 500;
const HEALTHY_MS = 60_000;
/** HAProxy answers a command that it takes with nothing, or with what it has changed. */
const REFUSALS = /no such|invalid|unknown|require|error/i;
const KINDS = new Set(['', 'nodes', 'services', 'endpointslices', 'ingresses', 'secrets', 'pods']);

/** Runs until the signal; then nothing of it is left. */
export async function serveIngresses(options: IngressOptions, signal: AbortSignal): Promise<void> {
  await new IngressProxy(options).run(signal);
}

class IngressProxy {
  readonly #options: IngressOptions;
  readonly #trigger: Trigger;
  readonly #names: ExternalNames;
  #certificates: Certificates | undefined;
  #proxy: ProxyProcess | undefined;
  /** Of what the proxy serves; '': it is to be started anew. */
  #shape = '';
  #slots: Slots = new Map();
  #wantedNames: readonly string[] = [];
  /** Ports that another program has. */
  #taken: readonly number[] = [];
  /** Why the proxy ended, when it did by itself. */
  #ended: string | undefined;
  #failures = 0;
  #startedAtMs = 0;

  constructor(options: IngressOptions) {
    const { clock, log, clusterDns } = options;
    this.#options = options;
    this.#trigger = new Trigger(clock);
    this.#names = new ExternalNames(() => [clusterDns() ?? []].flat(), log);
  }

  async run(signal: AbortSignal): Promise<void> {
    const off = this.#options.desired.onChange((plural) => {
      if (KINDS.has(plural)) this.#trigger.fire();
    });
    this.#trigger.fire();
    for (let waitMs = NEVER_MS; !signal.aborted; ) {
      const fired = await this.#trigger.wait(waitMs, signal);
      if (signal.aborted) break;
      if (!fired) await this.#names.refresh(this.#wantedNames);
      waitMs = await this.#round(signal);
    }
    off();
    await this.#proxy?.stop(false);
  }

  /** Gives the time after which to look again though nothing has changed. */
  async #round(signal: AbortSignal): Promise<number> {
    const { clock, random, log } = this.#options;
    try {
      await this.#apply(signal);
      return this.#wantedNames.length + this.#taken.length > 0 ? LOOK_AGAIN_MS : NEVER_MS;
    } catch (err) {
      if (clock.now() - this.#startedAtMs > HEALTHY_MS) this.#failures = 0;
      const delayMs = RELOAD_PAUSE_MS + reconnectDelayMs(this.#failures++, random());
      log.warn('Ingresses are not served as they should be, again later', { err, delayMs });
      // Without process numbers: the same trouble is told once.
      const message = (err as Error).message.replace(/ *\(\d+\) *:/g, '');
      this.#say(this.#proxy?.isRunning ?? false, 'ProxyFails', message);
      return delayMs;
    }
  }

  async #apply(signal: AbortSignal): Promise<void> {
    const { desired, clock } = this.#options;
    if (!desired.complete) return;
    const ingresses = desired.list<Ingress>('ingresses');
    if (ingresses.length === 0) return this.#rest();
    const tools = this.#tools();
    if (!tools) return;
    this.#proxy ??= this.#open(tools);
    if (this.#ended !== undefined) {
      const reason = this.#ended;
      this.#ended = undefined;
      this.#shape = '';
      throw new Error(`haproxy ended: ${reason}`);
    }
    await this.#lookAtPorts(this.#proxy);
    const pems = new Map<string, string>();
    const routing = await this.#route(ingresses, pems);
    const slots = assignSlots(this.#slots, routing.backends);
    const shape = shapeOf(routing, slots) + this.#taken.join();
    if (shape === this.#shape) {
      await this.#fill(this.#proxy, slots);
    } else {
      await this.#reload(this.#proxy, tools, routing, slots, pems);
      this.#shape = shape;
      this.#slots = slots;
      this.#startedAtMs = clock.now();
    }
    this.#tell();
    if (this.#startedAtMs === clock.now()) await clock.sleep(RELOAD_PAUSE_MS, signal).catch(() => {});
  }

  /** `pems` is filled with the files that the certificates of the routing are in. */
  async #route(ingresses: readonly Ingress[], pems: Map<string, string>): Promise<Routing> {
    const { desired, nodeName } = this.#options;
    const certificates = this.#certificatesHere();
    const plan = (): Routing =>
      planRouting({
        ingresses,
        services: desired.list<Service>('services'),
        slices: desired.list<EndpointSlice>('endpointslices'),
        place: { nodeName, zone: desired.node()?.metadata.labels?.[ZONE_LABEL] },
        addressesOf: (name) => this.#names.addressesOf(name),
        certificateOf: (key) => {
          const [namespace = '', name = ''] = key.split('/');
          const secret = desired.secret(namespace, name);
          const pem = secret && certificates.pemOf(secret);
          if (pem === undefined) return undefined;
          const file = `${namespace}_${name}_${fingerprint(pem)}.pem`;
          pems.set(file, pem);
          return file;
        },
      });
    const routing = plan();
    if (String(routing.externalNames) === String(this.#wantedNames)) return routing;
    this.#wantedNames = routing.externalNames;
    await this.#names.refresh(this.#wantedNames);
    return plan();
  }

  #certificatesHere(): Certificates {
    const { nodeName, hostIps, log } = this.#options;
    this.#certificates ??= new Certificates([nodeName, ...hostIps()], log);
    return this.#certificates;
  }

  /** Pods have come or gone: the process that runs is told. */
  async #fill(proxy: ProxyProcess, slots: Slots): Promise<void> {
    const commands = planSlotChanges(this.#slots, slots);
    if (commands.length === 0) return;
    try {
      const answer = await proxy.tell(commands);
      if (REFUSALS.test(answer)) throw new Error(answer.trim());
      this.#slots = slots;
    } catch (err) {
      // The next round starts a process that knows it all.
      this.#shape = '';
      throw err;
    }
  }

  async #reload(
    proxy: ProxyProcess,
    tools: ProxyTools,
    routing: Routing,
    slots: Slots,
    pems: ReadonlyMap<string, string>,
  ): Promise<void> {
    const { directory, socket } = proxy.next();
    const [httpPort, httpsPort] = this.#ports.map((port) => (this.#taken.includes(port) ? undefined : port));
    const settings = { ...proxyLimits(), httpPort, httpsPort, directory, socket };
    makeReadable(directory, tools);
    for (const [name, text] of [
      ...Object.entries(planFiles(routing, slots, settings)),
      ...pems,
      [DEFAULT_CERTIFICATE, this.#certificatesHere().fallback] as const,
    ])
      writeReadable(join(directory, name), text, tools);
    try {
      await proxy.check();
    } catch (err) {
      proxy.discard();
      this.#refuseCertificates((err as Error).message, pems);
      throw err;
    }
    await proxy.serve(this.#ports.filter((port) => !this.#taken.includes(port)));
    this.#options.log.info('Ingresses are served', {
      ports: [httpPort, httpsPort].filter(Boolean).join(','),
      rules: routing.exact.size + routing.prefix.size,
    });
  }

  /** HAProxy names the file that it does not take; the next round, which is at once, is without it. */
  #refuseCertificates(words: string, pems: ReadonlyMap<string, string>): void {
    for (const [file, pem] of pems) {
      if (!words.includes(file)) continue;
      this.#options.log.warn('HAProxy does not take a certificate of an Ingress', { file, words });
      this.#certificatesHere().refuse(pem);
      this.#trigger.fire();
    }
  }

  get #ports(): readonly number[] {
    return [this.#options.httpPort, this.#options.httpsPort];
  }

  /** Throws where all ports are somebody else's. */
  async #lookAtPorts(proxy: ProxyProcess): Promise<void> {
    const taken: number[] = [];
    for (const port of this.#ports)
      if (!proxy.ports.includes(port) && !(await isFree(port))) taken.push(port);
    this.#taken = taken;
    if (taken.length === this.#ports.length)
      throw new Error(`other programs have the ports ${taken.join(' and ')}`);
  }

  #open(tools: ProxyTools): ProxyProcess {
    const { directory, clock, log } = this.#options;
    const sockets = join(directory, 'sockets');
    makeReadable(directory, tools);
    makeOwn(sockets, tools);
    return new ProxyProcess({
      command: (args) => proxyCommand(tools, args),
      directory,
      sockets,
      clock,
      log,
      onExit: (reason) => {
        this.#ended = reason;
        this.#trigger.fire();
      },
    });
  }

  /** No Ingress any more: nothing runs, nothing is kept. */
  async #rest(): Promise<void> {
    const proxy = this.#proxy;
    if (!proxy) return;
    this.#proxy = undefined;
    this.#shape = '';
    this.#slots = new Map();
    this.#wantedNames = [];
    this.#taken = [];
    this.#say(false, 'NoIngress', 'there is no Ingress to serve');
    this.#options.log.info('there is no Ingress any more, the proxy ends');
    await proxy.stop(true);
  }

  #tools(): ProxyTools | undefined {
    const { path, log } = this.#options;
    const found = findProxyTools(path);
    if (!('missing' in found)) return found;
    const { missing } = found;
    if (this.#say(false, 'ProxyMissing', `${missing} is not installed: apt-get install ${missing}`))
      log.error('Ingresses need a package that is not installed', { package: missing });
    return undefined;
  }

  #tell(): void {
    const { desired, hostIps } = this.#options;
    const shadowed = planPortConflicts(this.#ports, {
      services: desired.list<Service>('services'),
      pods: desired.pods(),
      hostIps: hostIps(),
    });
    const problems = this.#ports.flatMap((port) => {
      const other = this.#taken.includes(port) ? `another program has port ${port}` : undefined;
      return shadowed.get(port) ?? other ?? [];
    });
    const isServed = this.#ports.some((port) => !shadowed.has(port) && !this.#taken.includes(port));
    if (problems.length > 0) this.#say(isServed, 'PortTaken', problems.join('; '));
    else this.#say(true, 'Serving', `Ingresses are served at ports ${this.#ports.join(' and ')}`);
  }

  /** True when that is news. */
  #say(serves: boolean, reason: string, message: string): boolean {
    return this.#options.verdicts.set([NODE_CONDITION, serves, reason, message.slice(0, 500)]);
  }
}

const fingerprint = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);
