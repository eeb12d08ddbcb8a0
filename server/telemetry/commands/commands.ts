/**
 * Commands that come by MQTT. Each goes through the API as the user that its topic names: RBAC decides, the audit log tells, and
 * the result is published. Guarantees: what is not exactly a command changes nothing; nobody commands faster than the API bears;
 * the same command does not run twice at once.
 */
import type { CommandResult } from '#proto/agent/mqtt-topics.ts';
import { REBOOT_REQUESTED_AT } from '#proto/agent/reboot-request.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { StatusError } from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Dispatch } from '#server/apiserver/http/dispatch.ts';
import { apiUserOf } from '../mqtt-users.ts';
import { ApiCalls } from './api-calls.ts';
import { type Command, type CommandMessage, parseCommand } from './command.plan.ts';
import { planDrain } from './drain.plan.ts';

export interface CommandsOptions {
  readonly dispatch: Dispatch;
  /** Whether there is such a user, and it may command. */
  readonly mayCommand: (user: string) => boolean;
  readonly publish: (user: string, result: CommandResult) => void;
  readonly clock: Clock;
  readonly log: Logger;
  /** Drains end with it. */
  readonly signal: AbortSignal;
}

export interface Received extends CommandMessage {
  /** Correlation data; goes back with the result. */
  readonly id: string | null;
}

/** That many at once, then one a second: more is a mistake, or worse. */
const BURST = 20;
const REFILL_MS = 1_000;
const MAX_RUNNING = 8;
/** A drain tries again where a disruption budget says no, and gives up. */
const DRAIN_MS = 300_000;
const RETRY_MS = 5_000;
const RESTARTED_AT = 'kubectl.kubernetes.io/restartedAt';

export class Commands {
  readonly #options: CommandsOptions;
  readonly #running = new Set<string>();
  #tokens = BURST;
  #refilledAt: number;

  constructor(options: CommandsOptions) {
    this.#options = options;
    this.#refilledAt = options.clock.now();
  }

  /** Never throws. Resolves when what was asked is done, for tests; nobody else waits. */
  async receive(message: Received): Promise<void> {
    const { mayCommand, log } = this.#options;
    if (!this.#take()) return log.debug('too many messages on command topics', { topic: message.topic });
    const parsed = parseCommand(message);
    if ('refusal' in parsed) {
      const { refusal, user, path } = parsed;
      log.debug('a message is no command', { topic: message.topic, refusal });
      if (user !== undefined && path !== undefined && mayCommand(user))
        this.#tell({ user, path }, message, { ok: false, code: 400, message: refusal });
      return;
    }
    const { command } = parsed;
    const { user, path } = command;
    if (!mayCommand(user)) return log.warn('a command of somebody who may not', { user, command: path });
    const key = `${user} ${path}`;
    if (this.#running.has(key) || this.#running.size >= MAX_RUNNING) {
      this.#tell(command, message, { ok: false, code: 429, message: 'it is busy with others' });
      return;
    }
    this.#running.add(key);
    try {
      const done = await this.#execute(command);
      log.info('command done', { user, command: path });
      this.#tell(command, message, { ok: true, code: 200, message: done });
    } catch (err) {
      const { code, message: text } = err instanceof StatusError ? err : { code: 500, message: String(err) };
      log.warn('command refused', { user, command: path, err });
      this.#tell(command, message, { ok: false, code, message: text });
    } finally {
      this.#running.delete(key);
    }
  }

  #execute(command: Command): Promise<string> {
    const { dispatch, clock } = this.#options;
    const api = new ApiCalls(dispatch, { name: apiUserOf(command.user), groups: ['system:authenticated'] });
    const now = timestamp(clock.now());
    switch (command.kind) {
      case 'cordon':
      case 'uncordon':
        return cordon(api, command.nodeName, command.kind === 'cordon');
      case 'drain':
        return this.#drain(api, command.nodeName);
      case 'reboot':
        return api
          .patch(nodePath(command.nodeName), 'merge-patch', {
            metadata: { annotations: { [REBOOT_REQUESTED_AT]: now } },
          })
          .then(() => 'the board is asked to reboot');
      case 'restart': {
        const { namespace, name } = command;
        const template = { metadata: { annotations: { [RESTARTED_AT]: now } } };
        return api
          .patch(`/apis/apps/v1/namespaces/${namespace}/deployments/${name}`, 'strategic-merge-patch', {
            spec: { template },
          })
          .then(() => 'restarted');
      }
    }
  }

  async #drain(api: ApiCalls, nodeName: string): Promise<string> {
    const { clock, signal } = this.#options;
    await cordon(api, nodeName, true);
    const until = clock.now() + DRAIN_MS;
    const asked = new Set<string>();
    for (;;) {
      const { items } = await api.get<{ items: readonly Pod[] }>(
        `/api/v1/pods?fieldSelector=spec.nodeName%3D${nodeName}`,
      );
      const { evict, left } = planDrain(items);
      if (evict.length === 0)
        return left.length > 0
          ? `drained but for ${left.join(', ')}, which nobody would make again`
          : 'drained';
      for (const { namespace, name, uid } of evict)
        if (!asked.has(uid) && (await isEvicted(api, namespace, name))) asked.add(uid);
      if (clock.now() >= until || signal.aborted)
        throw new StatusError('Timeout', `${evict.length} Pods are still there`);
      await clock.sleep(RETRY_MS, signal).catch(() => {});
    }
  }

  #tell(
    { user, path }: Pick<Command, 'user' | 'path'>,
    { id }: Received,
    result: Pick<CommandResult, 'ok' | 'code' | 'message'>,
  ): void {
    const { publish, clock } = this.#options;
    publish(user, { command: path, ...result, ts: timestamp(clock.now()), id });
  }

  #take(): boolean {
    const now = this.#options.clock.now();
    const refill = Math.floor((now - this.#refilledAt) / REFILL_MS);
    if (refill > 0) {
      this.#tokens = Math.min(BURST, this.#tokens + refill);
      this.#refilledAt += refill * REFILL_MS;
    }
    if (this.#tokens <= 0) return false;
    this.#tokens--;
    return true;
  }
}

const nodePath = (nodeName: string): string => `/api/v1/nodes/${nodeName}`;

async function cordon(api: ApiCalls, nodeName: string, unschedulable: boolean): Promise<string> {
  await api.patch(nodePath(nodeName), 'merge-patch', { spec: { unschedulable } });
  return unschedulable ? 'cordoned' : 'uncordoned';
}

/** False where a disruption budget says not now. */
async function isEvicted(api: ApiCalls, namespace: string, name: string): Promise<boolean> {
  try {
    await api.post(`/api/v1/namespaces/${namespace}/pods/${name}/eviction`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { namespace, name },
    });
    return true;
  } catch (err) {
    if (!(err instanceof StatusError)) throw err;
    if (err.code === 429) return false;
    if (err.code === 404) return true;
    throw err;
  }
}
