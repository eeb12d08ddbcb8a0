/**
 * Publishes this board's health on MQTT, where the server named a broker. Nothing depends on it: a broker that is away,
 * slow or wrong is this file's trouble alone, and the board's Pods and its readiness never wait for it.
 */
import { clientIdOf } from '#proto/agent/mqtt-client-id.ts';
import { MqttConnection } from '#proto/agent/mqtt-connection.ts';
import { nodeAvailability, nodeState } from '#proto/agent/mqtt-topics.ts';
import { type TelemetrySettings, telemetrySettings } from '#proto/agent/telemetry-settings.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';
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
  /** Its own Node, as the cluster has it. */
  readonly node: () => Node | undefined;
  readonly onNodeChange: (listener: () => void) => () => void;
  readonly pods: () => number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

const DEFAULT_INTERVAL_MS = 30_000;

/** On a link that is paid for by the byte. */
const LOW_DATA_KEEPALIVE_S = 300;
const KEEPALIVE_S = 20;

/** Runs until the signal, then says `offline`. */
export async function runTelemetry(options: TelemetryOptions, signal: AbortSignal): Promise<void> {
  const { nodeName, identity, clusterInfo, metrics, pods, node, onNodeChange, clock, random, log } = options;
  const settings = (): TelemetrySettings =>
    telemetrySettings(
      node()?.metadata.annotations,
      clusterInfo.current?.mqttIntervalMs || DEFAULT_INTERVAL_MS,
    );
  const connection = new MqttConnection({
    endpoint: () => {
      const { mqttUrl, mqttBoardCertificate } = clusterInfo.current ?? {};
      if (!mqttUrl || settings().mode === 'off') return undefined;
      if (!mqttBoardCertificate) return { url: mqttUrl };
      const { ca, certificate, key } = identity();
      return { url: mqttUrl, tls: { ca, cert: certificate, key, servername: SERVER_NAME } };
    },
    clientId: clientIdOf(`coracle-${nodeName}`, identity().key),
    availabilityTopic: nodeAvailability(nodeName),
    keepaliveSeconds: () => (settings().mode === 'low-data' ? LOW_DATA_KEEPALIVE_S : KEEPALIVE_S),
    reconnectDelayMs: (attempt) => reconnectDelayMs(attempt, random()),
    clock,
    log,
  });

  let sequence = 0;
  let boot: string | undefined;
  let previous: NodeSample | undefined;
  const publish = (sample: NodeSample): void => {
    const { mode, intervalMs } = settings();
    if (!clusterInfo.current?.mqttUrl || mode === 'off') return;
    // Samples come at their own pace; half of it early is on time.
    if (previous && sample.atMs - previous.atMs < intervalMs - 500 && sample.atMs >= previous.atMs) return;
    boot ??= planBoot(sample);
    const state = planState({ nodeName, sample, previous, sequence: ++sequence, pods: pods(), boot });
    previous = sample;
    const expirySeconds = Math.ceil((3 * intervalMs) / 1_000);
    connection.publish({
      topic: nodeState(nodeName),
      payload: encodeState(state, mode === 'low-data'),
      qos: 0,
      retain: true,
      expirySeconds,
    });
  };
  let mode = settings().mode;
  const ends = [
    metrics.onSample(publish),
    clusterInfo.onChange(() => connection.endpointChanged()),
    onNodeChange(() => {
      const now = settings().mode;
      if (now === mode) return;
      mode = now;
      connection.endpointChanged();
    }),
  ];
  if (metrics.last) publish(metrics.last);
  await connection.run(signal);
  for (const end of ends) end();
}
