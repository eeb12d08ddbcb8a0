/**
 * What the cluster wants of this board, in memory and on its disk: one journal, a JSON line a change, readable by root only, with
 * Secrets sealed (see `seal.ts` for what that is worth). Changes that come together are one append and one sync, which a card takes well; the
 * journal is written anew when most of it is history. It is what the board runs from after a power cut with no
 * server in reach: a line that the cut tore is left out, and the server sends that object again.
 */
import { closeSync, existsSync, fdatasyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { ConfigMap, Node, Pod, Secret } from '#proto/schema/generated/core-v1.ts';
import type { DesiredState } from './cluster.ts';
import type { Seal } from './seal.ts';

interface Stored {
  readonly digest: string;
  readonly object: KubeObject;
  /** Of its line in the journal. */
  readonly bytes: number;
}

/** One line; neither object nor `complete`: the board forgot it. */
interface Line {
  readonly plural?: string;
  readonly key?: string;
  readonly digest?: string;
  readonly object?: KubeObject | undefined;
  /** In place of digest and object: both, as JSON, sealed. A digest alone would let guesses be checked. */
  readonly sealed?: string;
  readonly complete?: true;
}

/** One change as the link brings it; no object: the board should forget it. */
export interface DesiredChange {
  readonly plural: string;
  readonly key: string;
  readonly digest: string;
  readonly object: KubeObject | undefined;
}

type Listener = (plural: string, key: string) => void;

const JOURNAL = 'journal';
const SEALED_KINDS: ReadonlySet<string> = new Set(['secrets']);
/** Below this the journal is not worth a rewrite. */
const REWRITE_BYTES = 256 * 1024;

export class DesiredStore implements DesiredState {
  readonly #path: string;
  readonly #nodeName: string;
  readonly #seal: Seal;
  readonly #kinds = new Map<string, Map<string, Stored>>();
  readonly #listeners = new Set<Listener>();
  #complete = false;
  #torn = false;
  #journalBytes = 0;
  #liveBytes = 0;

  private constructor(folder: string, nodeName: string, seal: Seal) {
    this.#path = join(folder, JOURNAL);
    this.#nodeName = nodeName;
    this.#seal = seal;
  }

  /** Reads what the board held. What is damaged is left out with a warning. */
  static open(options: { folder: string; nodeName: string; seal: Seal; log: Logger }): DesiredStore {
    const store = new DesiredStore(options.folder, options.nodeName, options.seal);
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    if (!existsSync(store.#path)) return store;
    let damaged = 0;
    let bare = false;
    for (const text of readFileSync(store.#path, 'utf8').split('\n')) {
      if (text === '') continue;
      try {
        const line = JSON.parse(text) as Line;
        bare ||= line.object !== undefined && SEALED_KINDS.has(line.plural ?? '');
        store.#take(store.#opened(line), Buffer.byteLength(text) + 1);
      } catch {
        damaged++;
      }
    }
    if (damaged > 0) {
      options.log.warn('damaged objects are left out, the server sends them again', { damaged });
    }
    if (damaged > 0 || bare) store.#rewrite();
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

  /** On disk when it returns, all of them in one write; listeners have been told. */
  apply(changes: readonly DesiredChange[]): void {
    const lines = changes.map(({ plural, key, digest, object }): [Line, string] => {
      const line: Line = object ? { plural, key, digest, object } : { plural, key };
      return [line, this.#text(line)];
    });
    this.#append(lines.map(([, text]) => text).join(''));
    for (const [line, text] of lines) this.#take(line, Buffer.byteLength(text));
    if (this.#journalBytes > REWRITE_BYTES && this.#journalBytes > 2 * this.#liveBytes) this.#rewrite();
    for (const { plural, key } of changes) this.#tell(plural, key);
  }

  /** The server has sent all that it wants: from now on absence means removal, also after a restart. */
  markComplete(): void {
    if (this.#complete) return;
    this.#append(this.#text({ complete: true }));
    this.#complete = true;
    this.#tell('', '');
  }

  /** As it stands in the journal. */
  #text(line: Line): string {
    const { plural = '', key = '', digest, object } = line;
    const isSealed = object !== undefined && SEALED_KINDS.has(plural);
    const sealed = isSealed && this.#seal.seal(JSON.stringify({ digest, object }), `${plural}/${key}`);
    return `${JSON.stringify(sealed ? { plural, key, sealed } : line)}\n`;
  }

  #opened({ sealed, ...line }: Line): Line {
    if (sealed === undefined) return line;
    const opened = JSON.parse(this.#seal.open(sealed, `${line.plural}/${line.key}`)) as Line;
    return { ...line, ...opened };
  }

  #tell(plural: string, key: string): void {
    for (const listener of [...this.#listeners]) listener(plural, key);
  }

  #take({ plural, key, digest, object, complete }: Line, bytes: number): void {
    if (complete) this.#complete = true;
    if (plural === undefined || key === undefined) return;
    let objects = this.#kinds.get(plural);
    if (!objects) {
      objects = new Map();
      this.#kinds.set(plural, objects);
    }
    this.#liveBytes -= objects.get(key)?.bytes ?? 0;
    if (object) {
      objects.set(key, { digest: digest ?? '', object, bytes });
      this.#liveBytes += bytes;
    } else {
      objects.delete(key);
    }
    this.#journalBytes += bytes;
  }

  #append(text: string): void {
    if (!existsSync(this.#path)) {
      // The folder's entry is to be on disk too.
      writeFileAtomic(this.#path, text);
      return;
    }
    const file = openSync(this.#path, 'a', 0o600);
    try {
      const bytes = Buffer.from(this.#torn ? `\n${text}` : text);
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      fdatasyncSync(file);
      this.#torn = false;
    } catch (err) {
      // A full disk, and perhaps half a line: the journal is to end with a whole one before the next is written.
      this.#torn = true;
      throw err;
    } finally {
      closeSync(file);
    }
  }

  #rewrite(): void {
    const lines: string[] = this.#complete ? [this.#text({ complete: true })] : [];
    for (const [plural, objects] of this.#kinds)
      for (const [key, { digest, object }] of objects)
        lines.push(this.#text({ plural, key, digest, object }));
    writeFileAtomic(this.#path, lines.join(''));
    this.#journalBytes = this.#liveBytes;
  }
}
