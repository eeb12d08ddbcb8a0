/**
 * Who may say and hear what on the cluster's own broker, whichever program that is: mosquitto is told it as a file, the
 * embedded broker asks it. Pure.
 */
import {
  ALL_COMMANDS,
  ALL_RETAINED_OF_NODES,
  ALL_TOPICS,
  CLUSTER_TOPICS,
  commandTopics,
  HOME_ASSISTANT_STATUS,
  nodeTopics,
} from '#proto/agent/mqtt-topics.ts';

/** A program of a person that reads, or reads and commands: Home Assistant, Telegraf, Node-RED. */
export interface MqttUser {
  readonly name: string;
  readonly access: MqttAccess;
  /** As mosquitto's password file has it: see mosquitto-password.ts. */
  readonly passwordHash: string;
}

export type MqttAccess = 'read-only' | 'read-write';

export interface BrokerAccess {
  readonly nodeNames: readonly string[];
  readonly users: readonly MqttUser[];
}

/** What one user may do: topic filters. Who has no grant may do nothing. */
export interface Grant {
  readonly user: string;
  readonly read: readonly string[];
  readonly write: readonly string[];
}

/** The common name of the server's own client certificate. */
export const SERVER_USER = 'system:coracle:telemetry';
export const boardUser = (nodeName: string): string => `system:node:${nodeName}`;

/** Home Assistant's tree, where it keeps its own state too. */
const HOME_ASSISTANT = 'homeassistant/#';

/**
 * Boards are named one by one: in their certificates they are `system:node:<name>`, which no pattern turns into
 * `<name>`, and a board that was deleted loses its rights with its line. A command's topic names who gives it, because a
 * broker does not say who published: each may write below its own name alone.
 */
export function planGrants({ nodeNames, users }: BrokerAccess): readonly Grant[] {
  const server: Grant = {
    user: SERVER_USER,
    read: [ALL_TOPICS, HOME_ASSISTANT],
    // To remove what a deleted board left behind, and commands that somebody wanted kept.
    write: [CLUSTER_TOPICS, ...ALL_RETAINED_OF_NODES, ALL_COMMANDS, HOME_ASSISTANT],
  };
  const people = [...users].sort(byName).map(({ name, access }): Grant => {
    // Home Assistant says that it has started, whatever else it may.
    const commands = access === 'read-write' ? [commandTopics(name)] : [];
    return { user: name, read: [ALL_TOPICS, HOME_ASSISTANT], write: [HOME_ASSISTANT_STATUS, ...commands] };
  });
  const boards = [...nodeNames].sort().map((name): Grant => {
    return { user: boardUser(name), read: [], write: [nodeTopics(name)] };
  });
  return [server, ...people, ...boards];
}

/** Whether a topic is one of a filter's, MQTT 5 §4.7: `+` is one level, `#` all that follow and the level above; neither takes `$…`. */
export function topicMatches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false;
  const wanted = filter.split('/');
  const levels = topic.split('/');
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (index >= levels.length || (level !== '+' && level !== levels[index])) return false;
  }
  return wanted.length === levels.length;
}

const byName = (a: MqttUser, b: MqttUser): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
