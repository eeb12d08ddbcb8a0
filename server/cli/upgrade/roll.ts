/**
 * One run of an upgrade over the boards. Called off, it leaves the board in work in a known state at once: as it was, or on its
 * way to the new system and marked, so that the next run goes on with it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { isNotFound, StatusError } from '#proto/meta/status-error.ts';
import type { ApiClient } from '#server/client/client.ts';
import type { BoardPages, Source } from './board-page.ts';
import {
  cordonPatch,
  type Interruption,
  type Marks,
  type Phase,
  planInterruption,
  readMarks,
  releasePatch,
  restartingPatch,
  type Work,
} from './interruption.plan.ts';
import { type BoardSystem, planDrain, planUpgrade, progressOf } from './upgrade.plan.ts';

const RETRY_MS = 10_000;
/** How long a roll that was called off tries to let Pods onto a board again. */
const RELEASE_MS = 30_000;
/** How often a person hears how much of an upgrade has gone. */
const PARTS = 4;

export interface RollDeps {
  readonly client: ApiClient;
  readonly pages: BoardPages;
  readonly out: (text: string) => void;
  readonly now: () => number;
  /** Calls the roll off. */
  readonly signal: AbortSignal;
  /** What one board may take. */
  readonly timeoutMs: number;
  readonly pollMs: number;
}

export class Roll {
  readonly #deps: RollDeps;
  #work: Work | undefined;
  #interruption: Interruption | undefined;
  /** The boot in which the board in work was told to start anew. */
  #bootId = '';

  constructor(deps: RollDeps) {
    this.#deps = deps;
  }

  /** Throws where a board went back (the rest stays as it is), and when it is called off. */
  async run(
    sources: readonly Source[],
    { node = [], again = false }: { readonly node?: readonly string[]; readonly again?: boolean },
  ): Promise<void> {
    const { signal } = this.#deps;
    signal.addEventListener('abort', this.#interrupted, { once: true });
    try {
      signal.throwIfAborted();
      await this.#roll(sources, node, again);
    } catch (err) {
      // The reason, and not how a wait for something else ended by it.
      signal.throwIfAborted();
      throw err;
    } finally {
      signal.removeEventListener('abort', this.#interrupted);
    }
  }

  async #roll(sources: readonly Source[], only: readonly string[], again: boolean): Promise<void> {
    const { client, out } = this.#deps;
    const named = (await client.list(nodes)).items.map(({ metadata: { name = '', annotations } }) => ({
      name,
      marks: readMarks(annotations),
    }));
    const wanted = named.filter(({ name }) => only.length === 0 || only.includes(name));
    const left = wanted.filter(({ marks }) => marks.restarting);
    for (const { name, marks } of left) await this.#goOn(name, marks);
    const boards = await Promise.all(
      named.map(async ({ name }) => ({ name, system: await this.#look(name) })),
    );
    const serverVersion = await this.#serverVersion();
    const { steps: all, skipped } = planUpgrade(boards, sources, { only, again, serverVersion });
    const followed = left.map(({ name }) => name);
    const steps = all.filter(
      ({ node, from, upgrade }) => !followed.includes(node) || from !== upgrade.version,
    );
    const names = steps.map(({ node }) => node);
    for (const { name, marks } of wanted) {
      if (!marks.cordoned || followed.includes(name) || names.includes(name)) continue;
      await this.#release(name, true);
      this.#say(name, 'takes Pods again: an upgrade had kept them off');
    }
    for (const { node, reason } of skipped) this.#say(node, reason);
    if (steps.length === 0) return out('nothing to upgrade\n');
    out(`${boardCount(names.length)} to upgrade, one by one: ${names.join(', ')}\n`);
    for (const [index, { node, upgrade, from }] of steps.entries()) {
      try {
        this.#deps.signal.throwIfAborted();
        this.#say(node, `goes from ${from} to ${upgrade.version}`);
        await this.#one(node, upgrade);
      } catch (err) {
        const rest = names.slice(index + 1);
        if (rest.length > 0) out(`left as they are: ${rest.join(', ')}\n`);
        throw err;
      }
    }
    out(`${boardCount(names.length)} upgraded\n`);
  }

  /** Of Coracle, where the server's board is none that was flashed. */
  async #serverVersion(): Promise<string | undefined> {
    const { gitVersion } = await this.#deps.pages.version();
    return /\+coracle\.(.+)$/.exec(gitVersion)?.[1];
  }

  /** Throws when the board went back. */
  async #one(name: string, source: Source): Promise<void> {
    const until = this.#deps.now() + this.#deps.timeoutMs;
    const before = await this.#reached(name, until);
    const { spec, metadata } = await this.#deps.client.get(nodes, { name });
    const cordoned = spec?.unschedulable !== true || readMarks(metadata.annotations).cordoned;
    await this.#working({ node: name, from: before.version, cordoned, phase: 'moving' }, until, async () => {
      if (cordoned) await this.#deps.client.patch(nodes, { name }, 'merge', cordonPatch());
      await this.#drain(name, until);
      await this.#send(name, source, until);
      await this.#restart(name, before.slot);
      await this.#follow(name, before.slot, until);
      this.#say(name, `runs ${source.version}`);
    });
  }

  /** With a board that an earlier run has told to start anew, and then left. */
  async #goOn(name: string, { cordoned, restarting }: Marks): Promise<void> {
    if (!restarting) return;
    const { slot, bootId } = restarting;
    const until = this.#deps.now() + this.#deps.timeoutMs;
    const work = { node: name, from: undefined, cordoned, phase: 'told' } as const;
    await this.#working(work, until, async () => {
      this.#say(name, 'was left while it started with a new system, and is waited for');
      this.#bootId = bootId;
      // It may not have heard it; and may refuse, for it is on its way down already.
      const sameBoot = (await this.#bootIdOf(name).catch(() => undefined)) === bootId;
      if (sameBoot) await this.#deps.pages.restart(name).catch(() => {});
      await this.#follow(name, slot, until);
      this.#say(name, 'runs the new system');
    });
  }

  /** Whatever comes of it, the node keeps no mark and no cordon of ours; unless it was called off when it is better that it does. */
  async #working(work: Work, until: number, run: () => Promise<void>): Promise<void> {
    this.#deps.signal.throwIfAborted();
    this.#work = work;
    try {
      await run();
    } finally {
      this.#work = undefined;
      if (this.#interruption?.release ?? true) await this.#patientlyRelease(work, until);
    }
  }

  /** Again from the start when the way to the board breaks; what the board itself says no to is final. */
  async #send(name: string, source: Source, until: number): Promise<void> {
    const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
    for (;;) {
      let part = 0;
      const sent = (bytes: number): void => {
        const now = Math.floor((bytes / source.sizeBytes) * PARTS);
        if (now <= part) return;
        part = now;
        if (now >= PARTS) this.#phase('checking');
        this.#say(
          name,
          now < PARTS
            ? `${megabytes(bytes)} of ${megabytes(source.sizeBytes)} MB are there`
            : 'all of it is there, the board checks it',
        );
      };
      try {
        this.#deps.signal.throwIfAborted();
        this.#phase('sending');
        this.#say(name, `the upgrade is sent, ${megabytes(source.sizeBytes)} MB`);
        await this.#deps.pages.receive(name, source, sent, this.#deps.signal);
        this.#phase('checking');
        return;
      } catch (err) {
        this.#deps.signal.throwIfAborted();
        if ((err instanceof StatusError && err.code === 400) || this.#deps.now() > until) throw err;
        this.#say(name, `it did not get through, once more (${(err as Error).message.trim()})`);
        await this.#pause(RETRY_MS);
      }
    }
  }

  /** The mark comes first: whatever happens then, the next run knows that the board may be on its way. */
  async #restart(name: string, slot: 'a' | 'b'): Promise<void> {
    this.#bootId = (await this.#deps.client.get(nodes, { name })).status?.nodeInfo?.bootID ?? '';
    await this.#deps.client.patch(nodes, { name }, 'merge', restartingPatch(slot, this.#bootId));
    this.#deps.signal.throwIfAborted();
    this.#phase('told');
    await this.#deps.pages.restart(name);
  }

  /** Until the board has proved the new system, and started once more where its kernel asks for that. */
  async #follow(name: string, before: 'a' | 'b', until: number): Promise<void> {
    let said = '';
    for (;;) {
      await this.#pause();
      const now = await this.#bootIdOf(name).catch(() => this.#bootId);
      const sameBoot = now === this.#bootId;
      const system = sameBoot ? undefined : await this.#system(name);
      const progress = progressOf(system, before, sameBoot);
      if (progress.kind === 'rolled back')
        throw new Error(
          `node "${name}": the new system did not become healthy, the board is back on the old one`,
        );
      if (progress.kind === 'done') {
        if (!progress.kernelNext) return;
        this.#say(name, 'the new system is healthy; starts once more, for its kernel');
        await this.#restart(name, before);
      } else if (said !== progress.why) {
        said = progress.why;
        this.#say(name, said);
      }
      if (this.#deps.now() > until) throw new Error(`node "${name}": not done within --timeout`);
    }
  }

  /** Evicts, and waits until the Pods are gone: a budget may hold them for a while. */
  async #drain(name: string, until: number): Promise<void> {
    const { client, signal } = this.#deps;
    let said = 0;
    for (;;) {
      const { items } = await client.list(pods, { fieldSelector: `spec.nodeName=${name}`, signal });
      const leaving = planDrain(
        items.map(({ metadata, status }) => ({
          namespace: metadata.namespace ?? '',
          name: metadata.name ?? '',
          controller: metadata.ownerReferences?.find(({ controller }) => controller)?.kind,
          mirror: metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined,
          finished: ['Succeeded', 'Failed'].includes(status?.phase ?? ''),
        })),
      );
      if (leaving.length === 0) return;
      if (leaving.length !== said)
        this.#say(
          name,
          `${leaving.length === 1 ? '1 Pod moves' : `${leaving.length} Pods move`} to other boards`,
        );
      said = leaving.length;
      for (const pod of leaving) await this.#evict(pod.namespace, pod.name);
      if (this.#deps.now() > until)
        throw new Error(`node "${name}": ${leaving.length} Pods could not be moved within --timeout`);
      await this.#pause();
    }
  }

  async #evict(namespace: string, name: string): Promise<void> {
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { namespace, name } };
    try {
      await this.#deps.client.post(pods, { namespace, name }, 'eviction', eviction);
    } catch (err) {
      // Gone already; or a disruption budget says: not now.
      if (!isNotFound(err) && !(err instanceof StatusError && err.code === 429)) throw err;
    }
  }

  /** Of a board that is Ready. */
  async #bootIdOf(name: string): Promise<string> {
    const node = await this.#deps.client.get(nodes, { name }, { signal: this.#deps.signal });
    const ready = node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
    if (!ready) throw new Error(`node "${name}" is not Ready`);
    return node.status?.nodeInfo?.bootID ?? '';
  }

  /** Undefined: not flashed, or away. One that is Ready and not in reach has yet to call in, as after a start of the server. */
  async #look(name: string): Promise<BoardSystem | undefined> {
    const until = this.#deps.now() + this.#deps.timeoutMs;
    for (;;) {
      try {
        return await this.#deps.pages.system(name, this.#deps.signal);
      } catch (err) {
        if (!(err instanceof StatusError && [502, 503].includes(err.code))) throw err;
      }
      const ready = await this.#bootIdOf(name).catch(() => undefined);
      if (ready === undefined || this.#deps.now() > until) return undefined;
      await this.#pause();
    }
  }

  /** After the server's own turn its boards come back one after the other. */
  async #reached(name: string, until: number): Promise<BoardSystem> {
    for (let first = true; ; first = false) {
      const system = await this.#system(name);
      if (system) return system;
      if (this.#deps.now() > until) throw new Error(`node "${name}" is not in reach`);
      if (first) this.#say(name, 'is not in reach, and waited for');
      await this.#pause();
    }
  }

  #system(name: string): Promise<BoardSystem | undefined> {
    return this.#deps.pages.system(name, this.#deps.signal).catch(() => undefined);
  }

  async #release(name: string, cordoned: boolean): Promise<void> {
    const signal = AbortSignal.timeout(RELEASE_MS);
    await this.#deps.client.patch(nodes, { name }, 'merge', releasePatch(cordoned), { signal });
  }

  async #patientlyRelease({ node, cordoned }: Work, until: number): Promise<void> {
    const { signal, now, pollMs } = this.#deps;
    for (;;) {
      const limit = signal.aborted ? Math.min(until, now() + RELEASE_MS) : until;
      try {
        return await this.#release(node, cordoned);
      } catch (err) {
        if (now() > limit) {
          if (signal.aborted && cordoned)
            this.#say(node, `still takes no Pods (${(err as Error).message}): kubectl uncordon ${node}`);
          throw err;
        }
        // Not cut short: it is what is still to be done.
        await sleep(pollMs);
      }
    }
  }

  #phase(phase: Phase): void {
    if (this.#work) this.#work = { ...this.#work, phase };
  }

  readonly #interrupted = (): void => {
    if (this.#work) {
      this.#interruption = planInterruption(this.#work);
      this.#say(this.#work.node, `interrupted; ${this.#interruption.say}`);
    } else this.#deps.out('interrupted\n');
  };

  #pause(ms = this.#deps.pollMs): Promise<void> {
    return sleep(ms, undefined, { signal: this.#deps.signal });
  }

  #say(name: string, what: string): void {
    this.#deps.out(`node "${name}": ${what}\n`);
  }
}

const boardCount = (count: number): string => (count === 1 ? '1 board' : `${count} boards`);
