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
} from '#proto/agent/mqtt-topics.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import type { Informer } from '#server/client/informer.ts';
import { countPodsByNode, planClusterState, planNodeConditions } from './conditions.plan.ts';
import {
  clusterDeviceId,
  type DiscoveryFacts,
  nodeDeviceId,
  nodeOfDevice,
  planClusterDiscovery,
  planNodeDiscovery,
} from './discovery.plan.ts';

export interface ClusterPublisherOptions {
  readonly connection: Pick<MqttConnection, 'publish' | 'remove' | 'republish'>;
  readonly nodes: Pick<Informer<Node>, 'list' | 'get' | 'onChange'>;
  readonly pods: Pick<Informer<Pod>, 'list' | 'onChange'>;
  readonly facts: DiscoveryFacts;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Changes within this time are said together. */
const ROUND_MS = 1_000;
/** Home Assistant asks not to be answered by everybody at once when it starts. */
const BIRTH_SPREAD_MS = 10_000;

export const SUBSCRIPTIONS: readonly string[] = [HOME_ASSISTANT_STATUS, ALL_DISCOVERY];

export class ClusterPublisher {
  readonly #options: ClusterPublisherOptions;
  readonly #said = new Map<string, string>();
  /** Nodes that were said, to be unsaid. */
  readonly #nodes = new Set<string>();
  #wake: () => void = () => {};
  #signal: AbortSignal | undefined;

  constructor(options: ClusterPublisherOptions) {
    this.#options = options;
  }

  /** Runs until the signal. The informers have synced. */
  async run(signal: AbortSignal): Promise<void> {
    const { nodes, pods, clock } = this.#options;
    this.#signal = signal;
    let dirty = true;
    const mark = (): void => {
      dirty = true;
      this.#wake();
    };
    const ends = [nodes.onChange(mark), pods.onChange(mark)];
    signal.addEventListener('abort', mark, { once: true });
    while (!signal.aborted) {
      if (!dirty) await new Promise<void>((resolve) => (this.#wake = resolve));
      dirty = false;
      this.#round();
      await clock.sleep(ROUND_MS, signal).catch(() => {});
    }
    for (const end of ends) end();
  }

  /** A message on one of {@link SUBSCRIPTIONS}. */
  receive(topic: string, payload: string, retained: boolean): void {
    const { connection, clock, random } = this.#options;
    if (topic === HOME_ASSISTANT_STATUS) {
      // A retained one is old: what it asks for was said on connecting.
      if (payload !== 'online' || retained) return;
      clock.sleep(random() * BIRTH_SPREAD_MS, this.#signal).then(
        () => connection.republish(),
        () => {},
      );
      return;
    }
    const deviceId = /^homeassistant\/device\/([^/]+)\/config$/.exec(topic)?.[1];
    if (!deviceId || payload === '' || !this.#signal) return;
    const nodeName = nodeOfDevice(this.#options.facts.clusterId, deviceId);
    if (nodeName !== undefined && !this.#options.nodes.get(nodeName)) this.#forget(nodeName);
  }

  #round(): void {
    const { nodes, pods, facts } = this.#options;
    const list = nodes.list();
    const allPods = pods.list();
    const counts = countPodsByNode(allPods);
    // The cluster's device first: the others refer to it.
    this.#say(discoveryTopic(clusterDeviceId(facts.clusterId)), planClusterDiscovery(facts));
    for (const node of list) {
      const name = node.metadata.name ?? '';
      this.#nodes.add(name);
      this.#say(discoveryTopic(nodeDeviceId(facts.clusterId, name)), planNodeDiscovery(node, facts));
      this.#say(nodeConditions(name), planNodeConditions(node, counts.get(name) ?? 0));
    }
    this.#say(CLUSTER_STATE, planClusterState(list, allPods));
    for (const name of this.#nodes) if (!nodes.get(name)) this.#forget(name);
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
    for (const topic of [device, nodeConditions(nodeName), nodeAvailability(nodeName)]) {
      this.#said.delete(topic);
      this.#options.connection.remove(topic);
    }
  }
}
