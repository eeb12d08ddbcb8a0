import type { Resource } from '#proto/api/resource.ts';
import { invalidValue } from '#proto/meta/field-error.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { internalError, invalid } from '#proto/meta/status-error.ts';
import type { Service } from '#proto/schema/generated/core-v1.ts';
import { settleFamilies } from '#server/apiserver/services/ip-families.ts';
import type { IpRange } from '#server/apiserver/services/ip-range.ts';

/** What one write took; `settle(true)` keeps it and frees what it replaced, `settle(false)` gives it back. */
export interface Reservation {
  settle(kept: boolean): void;
}

const NOTHING: Reservation = { settle: () => {} };
const FIRST_PORT = 30_000;
const LAST_PORT = 32_767;

/**
 * Cluster IPs and node ports of Services. The Services in the store are the truth: at start everything is taken
 * from them, so nothing is leaked or given twice whatever happened before. One process writes, so a set in
 * memory is enough between.
 */
export class ServiceAllocator {
  readonly #ranges: readonly IpRange[];
  readonly #random: () => number;
  readonly #ips = new Set<string>();
  readonly #ports = new Set<number>();

  /** The first range is of the family that Services have by default. */
  constructor(ranges: readonly IpRange[], random: () => number) {
    this.#ranges = ranges;
    this.#random = random;
  }

  /** Takes over what exists; two Services on one address are reported, not changed: their users decide. */
  repair(services: Iterable<Service>, log: Logger): void {
    for (const service of services) {
      const service_ = `${service.metadata.namespace}/${service.metadata.name}`;
      for (const ip of ipsOf(service)) {
        if (this.#ips.has(ip)) log.warn('a cluster IP is used twice', { service: service_, ip });
        this.#ips.add(ip);
      }
      for (const port of new Set(portsOf(service))) {
        if (this.#ports.has(port)) log.warn('a node port is used twice', { service: service_, port });
        this.#ports.add(port);
      }
    }
  }

  /** Gives `next`, which is changed in place, what its type needs. 422 for what can't be had. */
  reserve(resource: Resource, next: KubeObject, old: KubeObject | undefined): Reservation {
    if (resource.group !== '' || resource.plural !== 'services') return NOTHING;
    const service = next as Service;
    const before = old as Service | undefined;
    const takenIps: string[] = [];
    const takenPorts: number[] = [];
    try {
      if (before) carryOver(service, before);
      this.#reserveIp(service, before, takenIps);
      this.#reservePorts(service, before, takenPorts);
    } catch (err) {
      this.#free(takenIps, takenPorts);
      throw err;
    }
    return {
      settle: (kept) => {
        if (!kept) this.#free(takenIps, takenPorts);
        else if (before) {
          const ips = new Set(ipsOf(service));
          const ports = new Set(portsOf(service));
          this.#free(
            ipsOf(before).filter((ip) => !ips.has(ip)),
            portsOf(before).filter((port) => !ports.has(port)),
          );
        }
      },
    };
  }

  /** The Service is gone. */
  release(resource: Resource, object: KubeObject): void {
    if (resource.group !== '' || resource.plural !== 'services') return;
    this.#free(ipsOf(object as Service), portsOf(object as Service));
  }

  #free(ips: readonly string[], ports: readonly number[]): void {
    for (const ip of ips) this.#ips.delete(ip);
    for (const port of ports) this.#ports.delete(port);
  }

  #reserveIp(service: Service, before: Service | undefined, taken: string[]): void {
    const { spec } = service;
    if (spec.type === 'ExternalName') {
      for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const)
        delete spec[field];
      return;
    }
    spec.clusterIP ||= spec.clusterIPs?.[0] ?? '';
    if (spec.clusterIP !== '') spec.clusterIPs ??= [spec.clusterIP];
    const problems = settleFamilies(
      service,
      before,
      this.#ranges.map(({ family }) => family),
    );
    if (problems.length > 0)
      throw invalid({ group: '', kind: 'Service' }, service.metadata.name ?? '', problems);
    if (spec.clusterIP === 'None') return;
    const had = before ? ipsOf(before) : [];
    spec.clusterIPs = (spec.ipFamilies ?? []).map((family, i) => {
      const wanted = spec.clusterIPs?.[i] ?? '';
      if (wanted !== '' && had.includes(wanted)) return wanted;
      const range = this.#ranges.find((one) => one.family === family);
      if (!range) return wanted;
      const ip = wanted === '' ? this.#freeIp(range) : wanted;
      if (wanted === '') this.#ips.add(ip);
      else this.#takeIp(service, range, ip);
      taken.push(ip);
      return ip;
    });
    spec.clusterIP = spec.clusterIPs[0] ?? '';
  }

  #takeIp(service: Service, range: IpRange, ip: string): void {
    const refuse = (why: string): never => {
      throw refusal(service, 'spec.clusterIPs', [ip], `failed to allocate IP ${ip}: ${why}`);
    };
    if (range.offsetOf(ip) === undefined) {
      refuse(`the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${range.text}`);
    }
    if (this.#ips.has(ip)) refuse('provided IP is already allocated');
    this.#ips.add(ip);
  }

  /** From the upper part of the range first: the lower is for people who choose. Rule: KEP-3070. */
  #freeIp(range: IpRange): string {
    const usable = range.size - 2;
    const low = Math.min(Math.max(16, Math.floor(usable / 16)), 256, usable);
    const high = usable - low;
    const start = high > 0 ? Math.floor(this.#random() * high) : 0;
    for (let i = 0; i < high; i++) {
      const ip = range.at(low + 1 + ((start + i) % high));
      if (!this.#ips.has(ip)) return ip;
    }
    for (let i = 1; i <= low; i++) if (!this.#ips.has(range.at(i))) return range.at(i);
    throw internalError(new Error('failed to allocate a serviceIP: range is full'));
  }

  #reservePorts(service: Service, before: Service | undefined, taken: number[]): void {
    const { spec } = service;
    const had = new Set(before ? portsOf(before) : []);
    if (spec.type !== 'NodePort' && spec.type !== 'LoadBalancer') return;
    const wantsPorts = spec.type === 'NodePort' || spec.allocateLoadBalancerNodePorts !== false;
    const mine = new Map<number, Set<string>>();
    const claim = (port: number, protocol: string): boolean => {
      const protocols = mine.get(port) ?? new Set<string>();
      if (protocols.has(protocol)) return false;
      if (!mine.has(port) && !had.has(port)) {
        if (this.#ports.has(port)) return false;
        this.#ports.add(port);
        taken.push(port);
      }
      mine.set(port, protocols.add(protocol));
      return true;
    };
    (spec.ports ?? []).forEach((port, i) => {
      if (port.nodePort)
        this.#checkPort(service, `spec.ports[${i}].nodePort`, port.nodePort, had, () =>
          claim(port.nodePort as number, port.protocol ?? 'TCP'),
        );
    });
    for (const port of spec.ports ?? []) {
      if (port.nodePort || !wantsPorts) continue;
      // One number for both protocols of a port, as DNS wants it.
      const twin = spec.ports?.find((p) => p !== port && p.port === port.port && p.nodePort);
      const shared =
        twin?.nodePort && claim(twin.nodePort, port.protocol ?? 'TCP') ? twin.nodePort : undefined;
      port.nodePort = shared ?? this.#freePort((candidate) => claim(candidate, port.protocol ?? 'TCP'));
    }
    if (spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local') {
      if (spec.healthCheckNodePort) {
        const wanted = spec.healthCheckNodePort;
        this.#checkPort(service, 'spec.healthCheckNodePort', wanted, had, () => claim(wanted, 'health'));
      } else spec.healthCheckNodePort = this.#freePort((candidate) => claim(candidate, 'health'));
    }
  }

  #checkPort(service: Service, field: string, port: number, had: Set<number>, claim: () => boolean): void {
    if (!had.has(port) && (port < FIRST_PORT || port > LAST_PORT)) {
      const range = `${FIRST_PORT}-${LAST_PORT}`;
      throw refusal(
        service,
        field,
        port,
        `provided port is not in the valid range. The range of valid ports is ${range}`,
      );
    }
    if (!claim()) throw refusal(service, field, port, 'provided port is already allocated');
  }

  #freePort(claim: (port: number) => boolean): number {
    const count = LAST_PORT - FIRST_PORT + 1;
    const start = Math.floor(this.#random() * count);
    for (let i = 0; i < count; i++) {
      const port = FIRST_PORT + ((start + i) % count);
      if (!this.#ports.has(port) && claim(port)) return port;
    }
    throw internalError(new Error('failed to allocate a nodePort: range is full'));
  }
}

const refusal = (service: Service, field: string, value: unknown, detail: string) =>
  invalid({ group: '', kind: 'Service' }, service.metadata.name ?? '', [invalidValue(field, value, detail)]);

/** What a client left out of an update, as `kubectl replace` does, stays as it was allocated. */
function carryOver(service: Service, before: Service): void {
  const { spec } = service;
  const old = before.spec;
  if (spec.type !== 'ExternalName' && old.type !== 'ExternalName') {
    if (!spec.clusterIP && !spec.clusterIPs?.length) {
      Object.assign(spec, { clusterIP: old.clusterIP, clusterIPs: old.clusterIPs });
    }
    spec.ipFamilies ??= old.ipFamilies;
    spec.ipFamilyPolicy ??= old.ipFamilyPolicy;
  }
  const exposes = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
  const exposed = old.type === 'NodePort' || old.type === 'LoadBalancer';
  const sameAsOld = (p: { port: number; protocol?: string | undefined }) =>
    old.ports?.find((o) => o.port === p.port && (o.protocol ?? 'TCP') === (p.protocol ?? 'TCP'))?.nodePort;
  for (const port of spec.ports ?? []) {
    if (exposes && exposed && !port.nodePort) port.nodePort = sameAsOld(port);
    if (!exposes && exposed && port.nodePort === sameAsOld(port)) delete port.nodePort;
  }
  const wasChecked = old.type === 'LoadBalancer' && old.externalTrafficPolicy === 'Local';
  const isChecked = spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
  if (wasChecked && isChecked) spec.healthCheckNodePort ||= old.healthCheckNodePort;
  if (wasChecked && !isChecked && spec.healthCheckNodePort === old.healthCheckNodePort)
    delete spec.healthCheckNodePort;
}

const ipsOf = (service: Service): string[] => {
  const { clusterIP, clusterIPs } = service.spec;
  const all = clusterIPs?.length ? clusterIPs : clusterIP ? [clusterIP] : [];
  return all.filter((ip) => ip !== '' && ip !== 'None');
};

const portsOf = (service: Service): number[] => {
  const ports = (service.spec.ports ?? []).map((p) => p.nodePort ?? 0);
  return [...ports, service.spec.healthCheckNodePort ?? 0].filter((port) => port > 0);
};
