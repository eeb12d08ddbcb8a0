import { existsSync, readFileSync } from 'node:fs';
import type { Welcome } from '#proto/agent/generated/link.ts';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';

/** What the server told of the cluster; on the board's disk, because Pods start without the server too. */
export interface ClusterInfo {
  readonly clusterDns: string;
  readonly clusterDomain: string;
  readonly serviceCidr: string;
  readonly clusterCidr: string;
  /** Where the board publishes its health; absent or empty: nowhere. */
  readonly mqttUrl?: string;
  /** The broker is the cluster's own and knows boards by their certificates. */
  readonly mqttBoardCertificate?: boolean;
  readonly mqttIntervalMs?: number;
}

export class ClusterInfoFile {
  readonly #path: string;
  readonly #listeners = new Set<(info: ClusterInfo) => void>();
  #info: ClusterInfo | undefined;

  constructor(path: string) {
    this.#path = path;
    if (existsSync(path)) this.#info = JSON.parse(readFileSync(path, 'utf8')) as ClusterInfo;
  }

  get current(): ClusterInfo | undefined {
    return this.#info;
  }

  /** Called after each change. */
  onChange(listener: (info: ClusterInfo) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Written only when it differs; for root only, because the broker's address may hold a password. */
  set(welcome: Welcome): void {
    const { clusterDns, clusterDomain, serviceCidr, clusterCidr } = welcome;
    const { mqttUrl, mqttBoardCertificate, mqttIntervalMs } = welcome;
    const mqtt = mqttUrl ? { mqttUrl, mqttBoardCertificate, mqttIntervalMs } : {};
    const info = { clusterDns, clusterDomain, serviceCidr, clusterCidr, ...mqtt };
    if (JSON.stringify(info) === JSON.stringify(this.#info)) return;
    writeFileAtomic(this.#path, JSON.stringify(info));
    this.#info = info;
    for (const listener of [...this.#listeners]) listener(info);
  }
}
