/**
 * Publishes what the cluster knows on MQTT: conditions of its nodes, counts, and Home Assistant's discovery. Level driven:
 * each round compares what should be said with what was said last. What is gone is removed, also when it went
 * while the server or the broker was away: devices of this cluster that the broker still holds are compared with the nodes.
 */
import type { MqttConnection } from '#proto/agent/mqtt-connection.ts';
import {
  ALL_DISCOVERY,
  CLUSTER_STATE,
  discoveryTopic,
  HOME_ASSISTANT_STATUS,
  nodeAvailability,
  nodeConditions,
  nodeState,
} from '#proto/agent/mqtt-topics.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import type { Informer } from '#server/client/informer.ts';
import { countPodsByNode, planClusterState, planNodeConditions, type Workloads } from './conditions.plan.ts';
import {
  clusterDeviceId,
  type Discovery,
  type DiscoveryFacts,
  type Entities,
  entitiesOf,
  HOME_ASSISTANT_BUTTON,
  nodeDeviceId,
  nodeOfDevice,
  type Platform,
  planClusterDiscovery,
  planNodeDiscovery,
  withRemoved,
} from './discovery.plan.ts';

type Facts = Omit<DiscoveryFacts, 'commandUser'>;

export interface ClusterPublisherOptions {
  readonly connection: Pick<MqttConnection, 'publish' | 'remove' | 'republish'>;
  readonly nodes: Pick<Informer<Node>, 'list' | 'get' | 'onChange'>;
  readonly pods: Pick<Informer<Pod>, 'list' | 'onChange'>;
  readonly workloads: () => Workloads;
  /** Asked at every round: users come and go. */
  readonly commandUser: () => string | undefined;
  readonly facts: Facts;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Changes within this time are said together. */
const ROUND_MS = 1_000;
/** Home Assistant asks not to be answered by everybody at once when it starts. */
const BIRTH_SPREAD_MS = 10_000;

export const SUBSCRIPTIONS: readonly string[] = [HOME_ASSISTANT_STATUS, ALL_DISCOVERY];

/** What a node's messages were made of: as long as it is the same, so are they. */
interface Said {
  readonly node: Node;
  readonly pods: number;
  readonly commandUser: string | undefined;
}

export class ClusterPublisher {
  readonly #options: ClusterPublisherOptions;
  readonly #said = new Map<string, string>();
  /** Nodes that were said, to be unsaid. */
  readonly #nodes = new Map<string, Said | undefined>();
  /** Entities that somebody may know, by topic. */
  readonly #entities = new Map<string, Map<string, Platform>>();
  #wake: () => void = () => {};
  #dirty = true;
  #answering = false;
  #signal: AbortSignal | undefined;

  constructor(options: ClusterPublisherOptions) {
    this.#options = options;
  }

  /** Something of what is published may be another now. */
  changed(): void {
    this.#dirty = true;
    this.#wake();
  }

  /** Runs until the signal. The informers have synced. */
  async run(signal: AbortSignal): Promise<void> {
    const { nodes, pods, clock } = this.#options;
    this.#signal = signal;
    const mark = (): void => this.changed();
    const ends = [nodes.onChange(mark), pods.onChange(mark)];
    signal.addEventListener('abort', mark, { once: true });
    while (!signal.aborted) {
      if (!this.#dirty) await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#dirty = false;
      this.#round();
      await clock.sleep(ROUND_MS, signal).catch(() => {});
    }
    for (const end of ends) end();
  }

  /** A message on one of {@link SUBSCRIPTIONS}. */
  receive(topic: string, payload: string, retained: boolean): void {
    if (topic === HOME_ASSISTANT_STATUS) {
      // A retained one is old: what it asks for was said on connecting.
      if (payload === 'online' && !retained) this.#answerBirth();
      return;
    }
    const deviceId = /^homeassistant\/device\/([^/]+)\/config$/.exec(topic)?.[1];
    if (!deviceId || payload === '' || !this.#signal) return;
    const { clusterId } = this.#options.facts;
    const nodeName = nodeOfDevice(clusterId, deviceId);
    if (nodeName !== undefined && !this.#options.nodes.get(nodeName)) this.#forget(nodeName);
    else if (nodeName !== undefined || deviceId === clusterDeviceId(clusterId))
      this.#recall(topic, payload, nodeName);
  }

  /** One answer for as many births as come meanwhile: it costs everybody something. */
  #answerBirth(): void {
    const { connection, clock, random } = this.#options;
    if (this.#answering) return;
    this.#answering = true;
    clock
      .sleep(random() * BIRTH_SPREAD_MS, this.#signal)
      .then(
        () => connection.republish(),
        () => {},
      )
      .finally(() => {
        this.#answering = false;
      });
  }

  /** The broker holds this of an earlier run, or of ourselves: what it has and we have not is to be removed. */
  #recall(topic: string, payload: string, nodeName: string | undefined): void {
    const known = this.#entities.get(topic) ?? new Map<string, Platform>();
    const before = known.size;
    for (const [key, platform] of entitiesOf(payload)) known.set(key, platform);
    this.#entities.set(topic, known);
    if (known.size === before) return;
    if (nodeName !== undefined) this.#nodes.set(nodeName, undefined);
    this.changed();
  }

  #round(): void {
    const { nodes, pods, facts, workloads, commandUser } = this.#options;
    const user = commandUser();
    const allFacts = { ...facts, commandUser: user };
    const list = nodes.list();
    const allPods = pods.list();
    const counts = countPodsByNode(allPods);
    const now = workloads();
    // The cluster's device first: the others refer to it.
    const restartable = now.deployments
      .filter(({ metadata }) => metadata.annotations?.[HOME_ASSISTANT_BUTTON] === 'true')
      .map(({ metadata: { namespace = '', name = '' } }) => ({ namespace, name }));
    this.#describe(
      discoveryTopic(clusterDeviceId(facts.clusterId)),
      planClusterDiscovery(allFacts, restartable),
    );
    for (const node of list) {
      const name = node.metadata.name ?? '';
      const said = { node, pods: counts.get(name) ?? 0, commandUser: user };
      if (isSame(said, this.#nodes.get(name))) continue;
      this.#nodes.set(name, said);
      this.#describe(discoveryTopic(nodeDeviceId(facts.clusterId, name)), planNodeDiscovery(node, allFacts));
      this.#say(nodeConditions(name), planNodeConditions(node, said.pods));
    }
    this.#say(CLUSTER_STATE, planClusterState(list, allPods, now));
    for (const name of this.#nodes.keys()) if (!nodes.get(name)) this.#forget(name);
  }

  #describe(topic: string, message: Discovery): void {
    const known = this.#entities.get(topic) ?? new Map<string, Platform>();
    this.#say(topic, withRemoved(message, known satisfies Entities));
    for (const [key, { p }] of Object.entries(message.cmps)) known.set(key, p);
    this.#entities.set(topic, known);
  }

  #say(topic: string, message: object): void {
    const payload = JSON.stringify(message);
    if (this.#said.get(topic) === payload) return;
    this.#said.set(topic, payload);
    this.#options.connection.publish({ topic, payload, qos: 1, retain: true });
  }

  #forget(nodeName: string): void {
    this.#nodes.delete(nodeName);
    const device = discoveryTopic(nodeDeviceId(this.#options.facts.clusterId, nodeName));
    this.#entities.delete(device);
    for (const topic of [device, nodeConditions(nodeName), nodeState(nodeName), nodeAvailability(nodeName)]) {
      this.#said.delete(topic);
      this.#options.connection.remove(topic);
    }
  }
}

const isSame = (now: Said, before: Said | undefined): boolean =>
  before !== undefined &&
  now.node === before.node &&
  now.pods === before.pods &&
  now.commandUser === before.commandUser;
