/**
 * The server as a client of the broker, its own or somebody's: says what the cluster knows, and hears Home Assistant and
 * commands.
 */
import { createHash } from 'node:crypto';
import { clientIdOf } from '#proto/agent/mqtt-client-id.ts';
import { MqttConnection, type MqttEndpoint } from '#proto/agent/mqtt-connection.ts';
import { ALL_COMMANDS, CLUSTER_AVAILABILITY, commandResults } from '#proto/agent/mqtt-topics.ts';
import { daemonsets } from '#proto/api/apps/daemonsets.ts';
import { deployments } from '#proto/api/apps/deployments.ts';
import { statefulsets } from '#proto/api/apps/statefulsets.ts';
import { jobs } from '#proto/api/batch/jobs.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { secrets } from '#proto/api/core/secrets.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { keyToPem } from '#proto/pki/key.ts';
import { VERSION } from '#proto/version.ts';
import type { Dispatch } from '#server/apiserver/http/dispatch.ts';
import { backoffMs } from '#server/client/backoff.ts';
import type { ApiClient } from '#server/client/client.ts';
import type { InformerFactory } from '#server/client/informer-factory.ts';
import type { Pki } from '#server/pki/pki.ts';
import { ClusterPublisher, SUBSCRIPTIONS } from './cluster-publisher.ts';
import { Commands } from './commands/commands.ts';
import { isMqttUser, mqttUsersOf } from './mqtt-users.ts';
import { publishWarnings } from './warnings.ts';

export interface ClusterSessionOptions {
  readonly intervalMs: number;
  readonly pki: Pki;
  readonly client: ApiClient;
  readonly dispatch: Dispatch;
  readonly informers: InformerFactory;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

const BACKOFF = { baseMs: 1_000, maxMs: 30_000 };
/** In whose name Home Assistant's switches and buttons command: its messages are the same for all who read them. */
const HOME_ASSISTANT_USER = 'home-assistant';
const RESULT_EXPIRY_S = 60;

/** Runs until the signal; never rejects. `beside` runs as long, with the connection. */
export async function runClusterSession(
  options: ClusterSessionOptions,
  endpoint: MqttEndpoint,
  signal: AbortSignal,
  beside?: (connection: MqttConnection) => Promise<void>,
): Promise<void> {
  const { pki, client, dispatch, intervalMs, informers, clock, random, log } = options;
  const clusterId = createHash('sha256').update(pki.ca.der).digest('hex').slice(0, 8);
  const connection = new MqttConnection({
    endpoint: () => endpoint,
    clientId: clientIdOf(`coracle-server-${clusterId}`, keyToPem(pki.ca.issuer.key)),
    availabilityTopic: CLUSTER_AVAILABILITY,
    subscribe: SUBSCRIPTIONS,
    subscribeAsPublished: [ALL_COMMANDS],
    onMessage: (message) => {
      const { topic, payload, retained, correlationData: id = null } = message;
      if (!topic.startsWith(COMMANDS)) return publisher.receive(topic, payload, retained);
      // One that was taken away: by us, most likely.
      if (payload === '') return;
      // Kept, it would be there at each start.
      if (retained) connection.tell({ topic, payload: '', qos: 1, retain: true });
      void commands.receive({ ...message, id });
    },
    reconnectDelayMs: (attempt) => Math.round(backoffMs(attempt, BACKOFF, random)),
    clock,
    log,
  });
  const people = informers.for(secrets);
  let commanders = new Set<string>();
  const readPeople = (): void => {
    const users = mqttUsersOf(people.list()).filter(({ access }) => access === 'read-write');
    commanders = new Set(users.map(({ name }) => name));
    publisher.changed();
  };
  const commands = new Commands({
    dispatch,
    mayCommand: (user) => commanders.has(user),
    publish: (user, result) =>
      connection.tell({
        topic: commandResults(user),
        payload: JSON.stringify(result),
        ...{ qos: 1, retain: false, expirySeconds: RESULT_EXPIRY_S },
      }),
    clock,
    log,
    signal,
  });
  const [allDeployments, statefulSets, daemonSets, allJobs] = [
    informers.for(deployments),
    informers.for(statefulsets),
    informers.for(daemonsets),
    informers.for(jobs),
  ];
  const publisher = new ClusterPublisher({
    connection,
    nodes: informers.for(nodes),
    pods: informers.for(pods),
    workloads: () => ({
      deployments: allDeployments.list(),
      statefulSets: statefulSets.list(),
      daemonSets: daemonSets.list(),
      jobs: allJobs.list(),
    }),
    commandUser: () => (commanders.has(HOME_ASSISTANT_USER) ? HOME_ASSISTANT_USER : undefined),
    facts: { clusterId, version: VERSION, intervalMs },
    clock,
    random,
  });
  const ends = [
    people.onChange((_, secret) => {
      if (isMqttUser(secret)) readPeople();
    }),
    ...[allDeployments, statefulSets, daemonSets, allJobs].map((one) =>
      one.onChange(() => publisher.changed()),
    ),
  ];
  const tell = (topic: string, payload: string): void =>
    connection.tell({ topic, payload, qos: 0, retain: false });
  try {
    readPeople();
    await Promise.all([
      connection.run(signal),
      publisher.run(signal),
      publishWarnings({ client, tell, clock, random, log }, signal),
      beside?.(connection),
    ]);
  } catch (err) {
    log.error('MQTT ended', { err });
  } finally {
    for (const end of ends) end();
  }
}

const COMMANDS = ALL_COMMANDS.replace('#', '');
