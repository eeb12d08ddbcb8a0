import { flowschemas } from '#proto/api/flowcontrol/flowschemas.ts';
import { prioritylevelconfigurations } from '#proto/api/flowcontrol/prioritylevelconfigurations.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { FlowSchema, PriorityLevelConfiguration } from '#proto/schema/generated/flowcontrol-v1.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import { FairQueues, hashFlow, type Queued } from '#server/apiserver/flowcontrol/fair-queues.ts';
import { type LevelLimits, levelLimits } from '#server/apiserver/flowcontrol/levels.ts';
import { matchesSchema } from '#server/apiserver/flowcontrol/matching.ts';
import type { RequestInfo } from '#server/apiserver/http/request-info.ts';
import {
  defaultFlowSchemas,
  defaultPriorityLevels,
  MANDATORY,
} from '#server/registry/flowcontrol/default-objects.ts';

/** Rule: a quarter of upstream's request timeout. */
const WAIT_MS = 15_000;

export interface FlowControlOptions {
  readonly reader: ObjectReader;
  readonly clock: Clock;
  /** Seats of the whole server. */
  readonly seats: number;
}

/** A request's place in the server. */
export interface Ticket {
  /** No: 429. */
  readonly isAdmitted: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** Gives the seats back. Once is enough. */
  leave(): void;
}

export interface LevelUse {
  readonly name: string;
  /** Seats. */
  readonly nominal: number;
  readonly used: number;
  /** Requests. */
  readonly waiting: number;
}

interface Waiting extends Queued {
  settle(isAdmitted: boolean): void;
}

interface Level {
  limits: LevelLimits;
  used: number;
  queues: FairQueues<Waiting> | undefined;
}

/**
 * Shares the server among its clients: each request belongs to a FlowSchema, by it to a priority level, and takes seats
 * of that level while it runs. Where there is none it waits in a fair queue. What a level does not use others may
 * borrow, down to what it does not lend. There is no timer and no queue where nobody waits. Rule: KEP-1040.
 */
export class FlowControl {
  readonly #options: FlowControlOptions;
  readonly #levels = new Map<string, Level>();
  readonly #stops: readonly (() => void)[];
  #schemas: readonly FlowSchema[] = [];
  /** Levels with somebody in a queue. */
  readonly #crowded = new Set<Level>();
  #used = 0;

  constructor(options: FlowControlOptions) {
    this.#options = options;
    const { reader } = options;
    this.#stops = ([flowschemas, prioritylevelconfigurations] as const).map((resource) => {
      let isFollowing = false;
      const stop = reader.follow<KubeObject>(resource, () => isFollowing && this.#read());
      isFollowing = true;
      return stop;
    });
    this.#read();
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  /** What every level has, takes and keeps waiting. */
  use(): LevelUse[] {
    return [...this.#levels.values()].map(({ limits, used, queues }) => ({
      name: limits.name,
      nominal: limits.nominal,
      used,
      waiting: queues?.size ?? 0,
    }));
  }

  /** Resolves when the request may run, or must not. `onGone`: see `Wire`. */
  enter(
    info: RequestInfo,
    user: UserInfo,
    seatsWanted: number,
    onGone?: (listener: () => void) => () => void,
  ): Ticket | Promise<Ticket> {
    const schema =
      this.#schemas.find((one) => matchesSchema(one, info, user)) ?? (this.#schemas.at(-1) as FlowSchema);
    const level = this.#levels.get(schema.spec?.priorityLevelConfiguration.name ?? '') as Level;
    const { limits } = level;
    const headers = {
      'x-kubernetes-pf-flowschema-uid': schema.metadata.uid ?? '',
      'x-kubernetes-pf-prioritylevel-uid': limits.uid,
    };
    if (limits.isExempt) return { isAdmitted: true, headers, leave: () => {} };
    const seats = Math.min(seatsWanted, limits.widest);
    if (!level.queues?.size && this.#fits(level, seats)) return this.#admit(level, seats, headers);
    if (!level.queues) return { isAdmitted: false, headers, leave: () => {} };
    const distinguisher = distinguisherOf(schema, info, user);
    return this.#wait(level, seats, hashFlow(schema.metadata.name ?? '', distinguisher), headers, onGone);
  }

  #admit(level: Level, seats: number, headers: Ticket['headers']): Ticket {
    level.used += seats;
    this.#used += seats;
    let isIn = true;
    return {
      isAdmitted: true,
      headers,
      leave: () => {
        if (!isIn) return;
        isIn = false;
        level.used -= seats;
        this.#used -= seats;
        if (this.#crowded.size > 0) this.#dispatch();
      },
    };
  }

  #wait(
    level: Level,
    seats: number,
    hash: bigint,
    headers: Ticket['headers'],
    onGone: ((listener: () => void) => () => void) | undefined,
  ): Ticket | Promise<Ticket> {
    const refused: Ticket = { isAdmitted: false, headers, leave: () => {} };
    return new Promise<Ticket>((resolve) => {
      const timeout = new AbortController();
      const settle = (isAdmitted: boolean): void => {
        timeout.abort();
        forget?.();
        resolve(isAdmitted ? this.#admit(level, seats, headers) : refused);
      };
      const item: Waiting = { seats, hash, settle };
      let forget: (() => void) | undefined;
      if (!level.queues?.push(item)) {
        resolve(refused);
        return;
      }
      this.#crowded.add(level);
      const giveUp = (): void => {
        level.queues?.remove(item);
        if (!level.queues?.size) this.#crowded.delete(level);
        settle(false);
      };
      forget = onGone?.(giveUp);
      this.#options.clock.sleep(WAIT_MS, timeout.signal).then(giveUp, () => {});
      // A request that is too wide may stand before others that fit elsewhere: look once.
      this.#dispatch();
    });
  }

  /** Is there room, with what other levels keep for themselves left alone? */
  #fits(level: Level, seats: number): boolean {
    const next = level.used + seats;
    if (next <= level.limits.min || level.used === 0) return true;
    if (next > level.limits.max) return false;
    let kept = 0;
    for (const other of this.#levels.values())
      if (other !== level) kept += Math.max(0, other.limits.min - other.used);
    return this.#used + seats + kept <= this.#options.seats;
  }

  /** Levels that have less than their share are served first. */
  #dispatch(): void {
    const shareOf = ({ used, limits }: Level): number => used / (limits.nominal || 1);
    for (let moved = true; moved && this.#crowded.size > 0; ) {
      moved = false;
      for (const level of [...this.#crowded].sort((a, b) => shareOf(a) - shareOf(b))) {
        const item = level.queues?.take(({ seats }) => this.#fits(level, seats));
        if (!level.queues?.size) this.#crowded.delete(level);
        if (!item) continue;
        item.settle(true);
        moved = true;
        break;
      }
    }
  }

  #read(): void {
    const { reader, seats } = this.#options;
    const stored = reader.list(prioritylevelconfigurations);
    const all = [...stored, ...missing(stored, defaultPriorityLevels())];
    const limits = levelLimits(all as PriorityLevelConfiguration[], seats);
    for (const [name, next] of limits) this.#configure(name, next);
    for (const [name, level] of this.#levels) {
      if (limits.has(name)) continue;
      this.#levels.delete(name);
      this.#crowded.delete(level);
      for (const item of level.queues?.drain() ?? []) item.settle(true);
    }
    const schemas = reader.list(flowschemas);
    const precedence = ({ spec }: FlowSchema): number => spec?.matchingPrecedence ?? 1000;
    const nameOf = ({ metadata }: FlowSchema): string => metadata.name ?? '';
    this.#schemas = [...schemas, ...missing(schemas, defaultFlowSchemas())]
      .filter(({ spec }) => limits.has(spec?.priorityLevelConfiguration.name ?? ''))
      .sort((a, b) => precedence(a) - precedence(b) || (nameOf(a) < nameOf(b) ? -1 : 1));
    this.#dispatch();
  }

  #configure(name: string, limits: LevelLimits): void {
    const known = this.#levels.get(name);
    if (!known) {
      const queues = limits.queuing && new FairQueues<Waiting>(limits.queuing);
      this.#levels.set(name, { limits, used: 0, queues });
      return;
    }
    const isSame = JSON.stringify(known.limits.queuing) === JSON.stringify(limits.queuing);
    known.limits = limits;
    if (isSame) return;
    const waiting = known.queues?.drain() ?? [];
    known.queues = limits.queuing && new FairQueues<Waiting>(limits.queuing);
    for (const item of waiting) if (!known.queues?.push(item)) item.settle(false);
    if (!known.queues?.size) this.#crowded.delete(known);
  }
}

/** Those among the mandatory objects that are not stored: requests come before the store has them. */
const missing = <T extends KubeObject>(stored: readonly T[], defaults: readonly T[]): T[] =>
  defaults.filter(
    ({ metadata: { name = '' } }) =>
      MANDATORY.includes(name) && !stored.some(({ metadata }) => metadata.name === name),
  );

function distinguisherOf({ spec }: FlowSchema, info: RequestInfo, user: UserInfo): string {
  switch (spec?.distinguisherMethod?.type) {
    case 'ByUser':
      return user.name;
    case 'ByNamespace':
      return info.resource?.namespace ?? '';
    default:
      return '';
  }
}
