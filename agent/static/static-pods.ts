/**
 * Pods of files on the board (`--pod-manifest-path`), beside those that the cluster wants here. The files are looked at with each sample of
 * the board, and cost one look at their folder while nothing changes. What the server sends of them, their mirrors, is never run.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster, DesiredState } from '#agent/link/cluster.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { isAlreadyExists, isConflict, isNotFound } from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { ConfigMap, Node, Pod, Secret } from '#proto/schema/generated/core-v1.ts';
import { CONFIG_MIRROR, isMirror, mirrorOf, planMirrors, staticPod } from './static-pod.plan.ts';

export interface StaticPodsOptions {
  readonly desired: DesiredState;
  readonly cluster: Cluster;
  readonly folder: string;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly log: Logger;
}

interface ManifestFile {
  readonly stamp: string;
  /** Undefined for one that could not be understood. */
  readonly pod: Pod | undefined;
}

type Listener = (plural: string, key: string) => void;

export class StaticPods implements DesiredState {
  readonly #options: StaticPodsOptions;
  readonly #listeners = new Set<Listener>();
  #files = new Map<string, ManifestFile>();
  #mirrored: (uid: string) => void = () => {};
  #mirroring = false;
  #again = false;

  constructor(options: StaticPodsOptions) {
    this.#options = options;
    options.desired.onChange((plural, key) => {
      this.#tell(plural, key);
      if (plural === 'pods' || plural === 'nodes') this.#mirror();
    });
    options.cluster.onConnection(() => this.#mirror());
  }

  get complete(): boolean {
    return this.#options.desired.complete;
  }

  pods(): readonly Pod[] {
    const theirs = this.#options.desired.pods();
    if (this.#files.size === 0 && !theirs.some(isMirror)) return theirs;
    return [...theirs.filter((pod) => !isMirror(pod)), ...this.#own()];
  }

  node(): Node | undefined {
    return this.#options.desired.node();
  }
  configMap(namespace: string, name: string): ConfigMap | undefined {
    return this.#options.desired.configMap(namespace, name);
  }
  secret(namespace: string, name: string): Secret | undefined {
    return this.#options.desired.secret(namespace, name);
  }
  list<T extends KubeObject>(plural: string): readonly T[] {
    return this.#options.desired.list<T>(plural);
  }
  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Called with a Pod's uid when it has a new mirror, which knows nothing of its status yet. */
  onMirrored(listener: (uid: string) => void): void {
    this.#mirrored = listener;
  }

  /** The uid by which this board knows a Pod that the server names by its mirror's. */
  uidHere(uid: string): string {
    const mirror = this.#options.desired.pods().find((pod) => pod.metadata.uid === uid);
    return mirror?.metadata.annotations?.[CONFIG_MIRROR] ?? uid;
  }

  /** Reads what has changed since the last time; never rejects. */
  async refresh(): Promise<void> {
    const { folder, log } = this.#options;
    const names = (await readdir(folder).catch(() => [])).filter((name) => !name.startsWith('.'));
    if (names.length === 0 && this.#files.size === 0) return;
    const before = this.#files;
    const after = new Map<string, ManifestFile>();
    for (const name of names.sort()) {
      const path = join(folder, name);
      const stats = await stat(path).catch(() => undefined);
      if (!stats?.isFile()) continue;
      const stamp = `${stats.ino} ${stats.mtimeMs} ${stats.size}`;
      const known = before.get(path);
      if (known?.stamp === stamp) after.set(path, known);
      else {
        const pod = await this.#read(path).catch((err: unknown) => {
          log.warn('a manifest of a static pod is left out', { file: path, err });
          // Half written, or mistaken: the Pod that it was goes on.
          return known?.pod;
        });
        after.set(path, { stamp, pod });
      }
    }
    this.#files = after;
    const uids = (files: ReadonlyMap<string, ManifestFile>): string =>
      [...files.values()].map(({ pod }) => pod?.metadata.uid).join();
    if (uids(before) === uids(after)) return;
    log.info('static pods', { folder, pods: this.#own().length });
    this.#tell('pods', '');
    this.#mirror();
  }

  async #read(path: string): Promise<Pod> {
    const { nodeName, clock } = this.#options;
    const text = await readFile(path, 'utf8');
    const { parseManifest } = await import('#agent/static/manifest.ts');
    const hash = createHash('sha256').update(`${nodeName}\0${path}\0${text}`).digest('hex').slice(0, 32);
    return staticPod(parseManifest(text), { nodeName, hash, seen: timestamp(clock.now()) });
  }

  #own(): Pod[] {
    return [...this.#files.values()].flatMap(({ pod }) => (pod ? [pod] : []));
  }

  #tell(plural: string, key: string): void {
    for (const listener of [...this.#listeners]) listener(plural, key);
  }

  /** Brings the cluster's picture of them up to date; a failure is made good by the next change, or the next connection. */
  #mirror(): void {
    if (this.#mirroring) {
      this.#again = true;
      return;
    }
    if (this.#files.size === 0 && !this.#options.desired.pods().some(isMirror)) return;
    this.#mirroring = true;
    void this.#syncMirrors()
      .catch((err: unknown) => this.#options.log.debug('static pods not mirrored', { err }))
      .finally(() => {
        this.#mirroring = false;
        if (!this.#again) return;
        this.#again = false;
        this.#mirror();
      });
  }

  async #syncMirrors(): Promise<void> {
    const { desired, cluster, nodeName } = this.#options;
    const nodeUid = desired.node()?.metadata.uid;
    if (!cluster.connected || !desired.complete || !nodeUid) return;
    const { create, remove } = planMirrors(this.#own(), desired.pods().filter(isMirror));
    for (const { metadata } of remove) {
      const body = { gracePeriodSeconds: 0, preconditions: { uid: metadata.uid } };
      await cluster
        .api('DELETE', `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`, body)
        .catch((err: unknown) => {
          if (!isNotFound(err) && !isConflict(err)) throw err;
        });
    }
    for (const pod of create) {
      await cluster
        .api('POST', `/api/v1/namespaces/${pod.metadata.namespace}/pods`, mirrorOf(pod, nodeName, nodeUid))
        .catch((err: unknown) => {
          // Already there: what the server sends of it is on its way.
          if (!isAlreadyExists(err)) throw err;
        });
      this.#mirrored(pod.metadata.uid ?? '');
    }
  }
}
