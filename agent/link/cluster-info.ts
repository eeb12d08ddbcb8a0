import { existsSync, readFileSync } from 'node:fs';
import type { Welcome } from '#proto/agent/generated/link.ts';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';

/** What the server told of the cluster; on the board's disk, because Pods start without the server too. */
export interface ClusterInfo {
  readonly clusterDns: string;
  readonly clusterDomain: string;
  readonly serviceCidr: string;
  readonly clusterCidr: string;
}

export class ClusterInfoFile {
  readonly #path: string;
  #info: ClusterInfo | undefined;

  constructor(path: string) {
    this.#path = path;
    if (existsSync(path)) this.#info = JSON.parse(readFileSync(path, 'utf8')) as ClusterInfo;
  }

  get current(): ClusterInfo | undefined {
    return this.#info;
  }

  /** Written only when it differs. */
  set({ clusterDns, clusterDomain, serviceCidr, clusterCidr }: Welcome): void {
    const info = { clusterDns, clusterDomain, serviceCidr, clusterCidr };
    if (JSON.stringify(info) === JSON.stringify(this.#info)) return;
    writeFileAtomic(this.#path, JSON.stringify(info));
    this.#info = info;
  }
}
