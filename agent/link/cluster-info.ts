import { existsSync, readFileSync } from 'node:fs';
import type { Welcome } from '#proto/agent/generated/link.ts';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';
import type { Seal } from './seal.ts';

/** What the server told of the cluster; on the board's disk, because Pods start without the server too. */
export interface ClusterInfo {
  readonly clusterDns: string;
  readonly clusterDomain: string;
  readonly serviceCidr: string;
  readonly clusterCidr: string;
  /** How Pods of different boards reach each other; absent in what an older server told. */
  readonly network?: string;
  /** UDP; 0 or absent: the usual one. */
  readonly tunnelPort?: number;
  /** Somebody else answers at the DNS address. */
  readonly dnsElsewhere?: boolean;
  /** Where the board publishes its health; absent or empty: nowhere. */
  readonly mqttUrl?: string;
  /** The broker is the cluster's own and knows boards by their certificates. */
  readonly mqttBoardCertificate?: boolean;
  readonly mqttIntervalMs?: number;
}

interface Sealed {
  readonly sealedMqttUrl?: string;
}

const LABEL = 'cluster/mqttUrl';

export class ClusterInfoFile {
  readonly #path: string;
  readonly #seal: Seal;
  readonly #listeners = new Set<(info: ClusterInfo) => void>();
  #info: ClusterInfo | undefined;

  constructor(path: string, seal: Seal) {
    this.#path = path;
    this.#seal = seal;
    if (!existsSync(path)) return;
    const { sealedMqttUrl, ...info } = JSON.parse(readFileSync(path, 'utf8')) as ClusterInfo & Sealed;
    const mqttUrl = sealedMqttUrl === undefined ? undefined : this.#opened(sealedMqttUrl);
    this.#info = mqttUrl === undefined ? info : { ...info, mqttUrl };
  }

  /** Undefined on other hardware: the server tells it again. */
  #opened(sealed: string): string | undefined {
    try {
      return this.#seal.open(sealed, LABEL);
    } catch {
      return undefined;
    }
  }

  get current(): ClusterInfo | undefined {
    return this.#info;
  }

  /** Called after each change. */
  onChange(listener: (info: ClusterInfo) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Written only when it differs; the broker's address is sealed, because it may hold a password. */
  set(welcome: Welcome): void {
    const { clusterDns, clusterDomain, serviceCidr, clusterCidr, network, tunnelPort } = welcome;
    const { mqttUrl, mqttBoardCertificate, mqttIntervalMs } = welcome;
    const mqtt = mqttUrl ? { mqttUrl, mqttBoardCertificate, mqttIntervalMs } : {};
    const elsewhere = welcome.dnsElsewhere ? { dnsElsewhere: true } : {};
    const where = { clusterDns, clusterDomain, serviceCidr, clusterCidr, network, tunnelPort };
    const info = { ...where, ...elsewhere, ...mqtt };
    if (JSON.stringify(info) === JSON.stringify(this.#info)) return;
    const sealed = mqttUrl ? { mqttUrl: undefined, sealedMqttUrl: this.#seal.seal(mqttUrl, LABEL) } : {};
    writeFileAtomic(this.#path, JSON.stringify({ ...info, ...sealed }));
    this.#info = info;
    for (const listener of [...this.#listeners]) listener(info);
  }
}
