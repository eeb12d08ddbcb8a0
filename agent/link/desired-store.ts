/**
 * What the cluster wants of this board, in memory and on its disk: one file an object under `<folder>/<plural>/`, readable
 * by root only (Secrets are among them), written whole or not at all. It is what the board runs from after a power
 * cut with no server in reach.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { syncFolder, writeFileAtomic } from '#proto/meta/atomic-file.ts';
import type { Logger } from '#proto/meta/log.ts';
import { type KubeObject, keyOf } from '#proto/meta/object.ts';
import type { ConfigMap, Node, Pod, Secret } from '#proto/schema/generated/core-v1.ts';
import type { DesiredState } from './cluster.ts';

interface Stored {
  readonly digest: string;
  readonly object: KubeObject;
}

/** One change as the link brings it; no object: the board should forget it. */
export interface DesiredChange {
  readonly plural: string;
  readonly key: string;
  readonly digest: string;
  readonly object: KubeObject | undefined;
}

type Listener = (plural: string, key: string) => void;

export class DesiredStore implements DesiredState {
  readonly #folder: string;
  readonly #nodeName: string;
  readonly #kinds = new Map<string, Map<string, Stored>>();
  readonly #listeners = new Set<Listener>();
  #complete = false;

  private constructor(folder: string, nodeName: string) {
    this.#folder = folder;
    this.#nodeName = nodeName;
  }

  /** Reads what the board held. A damaged file is left out with a warning: the server sends that object again. */
  static open(options: { folder: string; nodeName: string; log: Logger }): DesiredStore {
    const store = new DesiredStore(options.folder, options.nodeName);
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    for (const plural of readdirSync(options.folder, { withFileTypes: true })) {
      if (!plural.isDirectory()) continue;
      for (const file of readdirSync(join(options.folder, plural.name))) {
        if (!file.endsWith('.json')) continue;
        const path = join(options.folder, plural.name, file);
        try {
          const stored = JSON.parse(readFileSync(path, 'utf8')) as Stored;
          store.#kind(plural.name).set(keyOf(stored.object), stored);
        } catch (err) {
          options.log.warn('a damaged object is left out', { file: path, err });
        }
      }
    }
    store.#complete = readdirSync(options.folder).includes(COMPLETE);
    return store;
  }

  get complete(): boolean {
    return this.#complete;
  }

  pods(): readonly Pod[] {
    return this.list<Pod>('pods');
  }

  node(): Node | undefined {
    return this.#kinds.get('nodes')?.get(this.#nodeName)?.object as Node | undefined;
  }

  configMap(namespace: string, name: string): ConfigMap | undefined {
    return this.#kinds.get('configmaps')?.get(`${namespace}/${name}`)?.object as ConfigMap | undefined;
  }

  secret(namespace: string, name: string): Secret | undefined {
    return this.#kinds.get('secrets')?.get(`${namespace}/${name}`)?.object as Secret | undefined;
  }

  list<T extends KubeObject>(plural: string): readonly T[] {
    return [...(this.#kinds.get(plural)?.values() ?? [])].map((stored) => stored.object as T);
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** `plural/key` to digest: what Hello tells the server. */
  have(): Record<string, string> {
    const have: Record<string, string> = {};
    for (const [plural, objects] of this.#kinds)
      for (const [key, stored] of objects) have[`${plural}/${key}`] = stored.digest;
    return have;
  }

  /** On disk when it returns; listeners have been told. */
  apply({ plural, key, digest, object }: DesiredChange): void {
    const path = join(this.#folder, plural, `${key.replace('/', '_')}.json`);
    if (object) {
      writeFileAtomic(path, JSON.stringify({ digest, object } satisfies Stored));
      this.#kind(plural).set(key, { digest, object });
    } else {
      rmSync(path, { force: true });
      if (this.#kind(plural).delete(key)) syncFolder(join(this.#folder, plural));
    }
    for (const listener of [...this.#listeners]) listener(plural, key);
  }

  /** The server has sent all that it wants: from now on absence means removal, also after a restart. */
  markComplete(): void {
    if (this.#complete) return;
    writeFileAtomic(join(this.#folder, COMPLETE), '');
    this.#complete = true;
    for (const listener of [...this.#listeners]) listener('', '');
  }

  #kind(plural: string): Map<string, Stored> {
    let objects = this.#kinds.get(plural);
    if (!objects) {
      objects = new Map();
      this.#kinds.set(plural, objects);
      mkdirSync(join(this.#folder, plural), { recursive: true, mode: 0o700 });
    }
    return objects;
  }
}

const COMPLETE = 'complete';
