/**
 * Publishes this board's health on MQTT, where the server named a broker. Nothing depends on it: a broker that is away,
 * slow or wrong is this file's trouble alone, and the board's Pods and its readiness never wait for it.
 */
import { clientIdOf } from '#proto/agent/mqtt-client-id.ts';
import { MqttConnection } from '#proto/agent/mqtt-connection.ts';
import { nodeAvailability, nodeState } from '#proto/agent/mqtt-topics.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { reconnectDelayMs } from '../link/backoff.plan.ts';
import type { ClusterInfoFile } from '../link/cluster-info.ts';
import type { Identity } from '../link/identity.ts';
import { SERVER_NAME } from '../link/join.ts';
import type { NodeMetrics, NodeSample } from '../node/metrics.ts';
import { encodeState, planBoot, planState } from './state.plan.ts';

export interface TelemetryOptions {
  readonly nodeName: string;
  /** The newest: it is renewed while the agent runs. */
  readonly identity: () => Identity;
  readonly clusterInfo: ClusterInfoFile;
  readonly metrics: NodeMetrics;
  readonly pods: () => number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

const DEFAULT_INTERVAL_MS = 30_000;

/** Runs until the signal, then says `offline`. */
export async function runTelemetry(options: TelemetryOptions, signal: AbortSignal): Promise<void> {
  const { nodeName, identity, clusterInfo, metrics, pods, clock, random, log } = options;
  const connection = new MqttConnection({
    endpoint: () => {
      const { mqttUrl, mqttBoardCertificate } = clusterInfo.current ?? {};
      if (!mqttUrl) return undefined;
      if (!mqttBoardCertificate) return { url: mqttUrl };
      const { ca, certificate, key } = identity();
      return { url: mqttUrl, tls: { ca, cert: certificate, key, servername: SERVER_NAME } };
    },
    clientId: clientIdOf(`coracle-${nodeName}`, identity().key),
    availabilityTopic: nodeAvailability(nodeName),
    reconnectDelayMs: (attempt) => reconnectDelayMs(attempt, random()),
    clock,
    log,
  });

  let sequence = 0;
  let boot: string | undefined;
  let previous: NodeSample | undefined;
  const publish = (sample: NodeSample): void => {
    const intervalMs = clusterInfo.current?.mqttIntervalMs || DEFAULT_INTERVAL_MS;
    // Samples come at their own pace; half of it early is on time.
    if (previous && sample.atMs - previous.atMs < intervalMs - 500 && sample.atMs >= previous.atMs) return;
    boot ??= planBoot(sample);
    const state = planState({ nodeName, sample, previous, sequence: ++sequence, pods: pods(), boot });
    previous = sample;
    const expirySeconds = Math.ceil((3 * intervalMs) / 1_000);
    connection.publish({
      topic: nodeState(nodeName),
      payload: encodeState(state),
      qos: 0,
      retain: true,
      expirySeconds,
    });
  };
  const listen = (): (() => void) => {
    if (metrics.last) publish(metrics.last);
    return metrics.onSample(publish);
  };
  let unlisten = clusterInfo.current?.mqttUrl ? listen() : undefined;
  const ignore = clusterInfo.onChange(({ mqttUrl }) => {
    if (mqttUrl) unlisten ??= listen();
    else unlisten = unlisten?.() as undefined;
    connection.endpointChanged();
  });
  await connection.run(signal);
  ignore();
  unlisten?.();
}
