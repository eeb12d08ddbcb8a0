/**
 * What one board should hold, kept up to date over one session. Level driven: a change only marks a key as dirty; what is
 * sent is the object as it is when the board is ready for it, so that a slow board gets the newest state and no backlog
 * grows. A key that the board has, and should not have any more, is sent as a removal.
 */
import { createHash } from 'node:crypto';
import { type KubeObject, keyOf } from '#proto/meta/object.ts';
import type { Pod, Secret } from '#proto/schema/generated/core-v1.ts';
import {
  actedUpon,
  FED_WHOLE,
  type FedKind,
  keyPairOf,
  keysOf,
  referencesOf,
  sentTo,
  servesIngresses,
} from './feed.plan.ts';

/** The server's cached view of the fed kinds; of Ingresses, those for our boards. `key` is `namespace/name`, or `name`. */
export interface FeedSource {
  get(plural: FedKind, key: string): KubeObject | undefined;
  list(plural: FedKind): readonly KubeObject[];
  podsOf(nodeName: string): readonly Pod[];
  /** What of the whole cluster concerns a board with these Pods, as `plural/key`: policies and their groups. */
  neededBy(pods: readonly Pod[]): readonly string[];
  /** After the view has changed. For a Pod, `nodeName` is where it is bound. */
  onChange(listener: (plural: FedKind, key: string, nodeName: string | undefined) => void): () => void;
}

export interface FeedMessage {
  readonly kind: FedKind;
  readonly namespace: string;
  readonly name: string;
  readonly digest: string;
  /** Absent: the board should drop it. */
  readonly object: KubeObject | undefined;
}

export interface FeedOptions {
  readonly nodeName: string;
  readonly source: FeedSource;
  /** What the board holds: `pods/default/web` to its digest. */
  readonly have: Readonly<Record<string, string>>;
  /** Resolves when the board can take the next message. */
  readonly send: (message: FeedMessage) => Promise<void>;
  /** All that was wanted when the session began has been sent. */
  readonly synced: () => void;
}

/** Without `nodeName`, a Node is taken to be the board's own. */
export function digestOf(plural: FedKind, object: KubeObject, nodeName?: string): string {
  return createHash('sha1')
    .update(JSON.stringify(actedUpon(plural, object, nodeName)))
    .digest('base64')
    .slice(0, 16);
}

export class BoardFeed {
  readonly #options: FeedOptions;
  /** Digest by `plural/key` of what the board holds or is being sent. */
  readonly #sent: Map<string, string>;
  readonly #dirty = new Set<string>();
  /** What Pods name. */
  #references = new Set<string>();
  /** Secrets that Ingresses name. */
  #keys = new Set<string>();
  #keysAreStale = false;
  #draining = false;
  #synced = false;
  #stopped = false;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#sent = new Map(Object.entries(options.have));
  }

  /** Begins with everything; returns the function that ends it. */
  start(): () => void {
    const { source, nodeName } = this.#options;
    let serves = this.#serves;
    const off = source.onChange((plural, key, boundTo) => {
      const fed = `${plural}/${key}`;
      if (plural === 'pods') {
        if (boundTo !== nodeName && !this.#sent.has(fed)) return;
        this.#mark(fed);
        this.#refer();
      } else if (plural === 'networkpolicies') {
        this.#mark(fed);
        this.#refer();
      } else if (plural === 'ingresses') {
        this.#keysAreStale = true;
        this.#mark(fed);
      } else if (FED_WHOLE.includes(plural) || this.#references.has(fed) || this.#keys.has(fed)) {
        this.#mark(fed);
        if (fed === `nodes/${nodeName}` && serves !== this.#serves) {
          serves = this.#serves;
          this.#keysAreStale = true;
          for (const ingress of source.list('ingresses')) this.#mark(`ingresses/${keyOf(ingress)}`);
        }
      }
    });
    this.#references = this.#named();
    this.#keys = this.#keysNow();
    const wanted = [
      `nodes/${nodeName}`,
      ...this.#references,
      ...this.#keys,
      ...source.list('ingresses').map((ingress) => `ingresses/${keyOf(ingress)}`),
      ...FED_WHOLE.flatMap((plural) => source.list(plural).map((object) => `${plural}/${keyOf(object)}`)),
      // Pods last: what they name is there before them.
      ...source.podsOf(nodeName).map((pod) => `pods/${keyOf(pod)}`),
    ];
    for (const fed of wanted) this.#dirty.add(fed);
    for (const fed of this.#sent.keys()) this.#dirty.add(fed);
    void this.#drain();
    return () => {
      this.#stopped = true;
      off();
    };
  }

  get #serves(): boolean {
    return servesIngresses(this.#options.source.get('nodes', this.#options.nodeName));
  }

  #keysNow(): Set<string> {
    return this.#serves ? keysOf(this.#options.source.list('ingresses')) : new Set();
  }

  #refer(): void {
    const now = this.#named();
    this.#markDifference(this.#references, now);
    this.#references = now;
  }

  #named(): Set<string> {
    const { source, nodeName } = this.#options;
    const pods = source.podsOf(nodeName);
    const found = referencesOf(pods);
    for (const fed of source.neededBy(pods)) found.add(fed);
    return found;
  }

  /** Once for many Ingresses that changed together. */
  #referKeys(): void {
    this.#keysAreStale = false;
    const now = this.#keysNow();
    this.#markDifference(this.#keys, now);
    this.#keys = now;
  }

  /** Marks what is named now and what was named before. */
  #markDifference(before: ReadonlySet<string>, now: ReadonlySet<string>): void {
    for (const fed of now) if (!before.has(fed)) this.#mark(fed);
    for (const fed of before) if (!now.has(fed)) this.#mark(fed);
  }

  #mark(fed: string): void {
    this.#dirty.add(fed);
    void this.#drain();
  }

  async #drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    try {
      // One change marks several keys: all are here before the first is sent.
      await null;
      for (const fed of this.#inOrder()) {
        if (this.#stopped) return;
        const message = this.#messageFor(fed);
        if (message) await this.#options.send(message);
      }
      if (!this.#synced && !this.#stopped) {
        this.#synced = true;
        this.#options.synced();
      }
    } finally {
      this.#draining = false;
    }
  }

  /** Keys as they become due; those of Pods wait for what the Pods name. */
  *#inOrder(): Generator<string> {
    while (this.#dirty.size > 0) {
      if (this.#keysAreStale) this.#referKeys();
      let next: string | undefined;
      for (const fed of this.#dirty) {
        next ??= fed;
        if (!fed.startsWith('pods/')) {
          next = fed;
          break;
        }
      }
      if (next === undefined) return;
      this.#dirty.delete(next);
      yield next;
    }
  }

  #messageFor(fed: string): FeedMessage | undefined {
    const slash = fed.indexOf('/');
    const kind = fed.slice(0, slash) as FedKind;
    const key = fed.slice(slash + 1);
    const at = key.indexOf('/');
    const object = this.#wanted(kind, fed, key);
    const digest = object ? digestOf(kind, object, this.#options.nodeName) : '';
    if (object ? this.#sent.get(fed) === digest : !this.#sent.has(fed)) return undefined;
    if (object) this.#sent.set(fed, digest);
    else this.#sent.delete(fed);
    return {
      kind,
      namespace: at < 0 ? '' : key.slice(0, at),
      name: at < 0 ? key : key.slice(at + 1),
      digest,
      object: object && sentTo(this.#options.nodeName, kind, object),
    };
  }

  #wanted(kind: FedKind, fed: string, key: string): KubeObject | undefined {
    const { source, nodeName } = this.#options;
    const object = source.get(kind, key);
    if (!object) return undefined;
    if (kind === 'pods') return (object as Pod).spec.nodeName === nodeName ? object : undefined;
    if (kind === 'ingresses') return this.#serves ? object : undefined;
    if (FED_WHOLE.includes(kind) || this.#references.has(fed)) return object;
    return this.#keys.has(fed) ? keyPairOf(object as Secret) : undefined;
  }
}
