/** What a message on a command's topic means. Pure. Nothing that is not exactly a command is one. */
import type { NodeAction } from '#proto/agent/mqtt-topics.ts';

export type Command = {
  readonly user: string /** As in its topic, below the user. */;
  readonly path: string;
} & (
  | { readonly kind: NodeAction; readonly nodeName: string }
  | { readonly kind: 'restart'; readonly namespace: string; readonly name: string }
);

export interface CommandMessage {
  readonly topic: string;
  readonly payload: string;
  readonly retained: boolean;
  /** Of the message, seconds that are left; undefined: it has no end. */
  readonly expirySeconds: number | undefined;
}

export type Parsed =
  | { readonly command: Command }
  /** `user` where the topic tells who should hear of it. */
  | { readonly refusal: string; readonly user?: string; readonly path?: string };

export const MAX_EXPIRY_S = 300;
/** A label and a subdomain of RFC 1123: what names objects. */
const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const NODE_ACTIONS: ReadonlySet<string> = new Set<NodeAction>(['cordon', 'uncordon', 'drain', 'reboot']);
const PRESS = 'PRESS';

/** The topics are those of `nodeCommand` and `deploymentRestart`. A switch says ON and OFF, a button PRESS. */
export function parseCommand({ topic, payload, retained, expirySeconds }: CommandMessage): Parsed {
  const [, , cmd, user = '', ...rest] = topic.split('/');
  if (cmd !== 'cmd' || !LABEL.test(user)) return { refusal: 'no command has this topic' };
  const command = commandOf(user, rest, payload);
  if (typeof command === 'string') return { refusal: command };
  const about = { user, path: command.path };
  if (retained) return { refusal: 'a command must not be retained', ...about };
  if (expirySeconds === undefined || expirySeconds <= 0 || expirySeconds > MAX_EXPIRY_S)
    return { refusal: `a command carries a message expiry of 1 to ${MAX_EXPIRY_S} seconds`, ...about };
  return { command };
}

function commandOf(user: string, levels: readonly string[], payload: string): Command | string {
  const path = levels.join('/');
  const [plural, first = '', action = '', name = '', verb] = levels;
  if (plural === 'nodes' && levels.length === 3 && SUBDOMAIN.test(first) && NODE_ACTIONS.has(action)) {
    const kind = nodeActionOf(action as NodeAction, payload);
    return kind ? { user, path, kind, nodeName: first } : 'no command has this payload';
  }
  const isRestart = action === 'deployments' && verb === 'restart' && levels.length === 5;
  if (plural === 'namespaces' && isRestart && LABEL.test(first) && SUBDOMAIN.test(name))
    return payload === PRESS
      ? { user, path, kind: 'restart', namespace: first, name }
      : 'no command has this payload';
  return 'no command has this topic';
}

function nodeActionOf(action: NodeAction, payload: string): NodeAction | undefined {
  if (payload === PRESS) return action;
  if (action !== 'cordon') return undefined;
  return payload === 'ON' ? 'cordon' : payload === 'OFF' ? 'uncordon' : undefined;
}
