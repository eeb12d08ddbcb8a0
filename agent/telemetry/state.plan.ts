/** What a board says of itself on MQTT, from its last samples. Pure. */
import { LOW_DATA_OMITS, MAX_STATE_BYTES, type NodeState } from '#proto/agent/mqtt-topics.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { NodeSample } from '../node/metrics.ts';

export interface StateFacts {
  readonly nodeName: string;
  readonly sample: NodeSample;
  /** The sample of the message before. */
  readonly previous: NodeSample | undefined;
  readonly sequence: number;
  readonly pods: number;
  /** As the message before said it: computed from a ticking clock, it would wander by a second. */
  readonly boot: string | undefined;
}

/** A clock that stands before this was never set. */
const EARLIEST_MS = Date.UTC(2026, 0, 1);
const UNDER_VOLTAGE = 1;

/** One flat object; counters become rates, what the board has no sensor for is null. */
export function planState(facts: StateFacts): NodeState {
  const { nodeName, sample, previous, sequence, pods } = facts;
  const { disk, throttled } = sample;
  return {
    v: 1,
    node: nodeName,
    ts: timestamp(sample.atMs),
    seq: sequence,
    cpu_pct: tenth(sample.cpuPercent),
    mem_pct: percentUsed(sample.memoryTotalBytes, sample.memoryAvailableBytes),
    disk_pct: percentUsed(disk.totalBytes, disk.availableBytes),
    temp_c: sample.temperatureCelsius === undefined ? null : tenth(sample.temperatureCelsius),
    throttled: throttled === undefined ? null : `0x${throttled.toString(16)}`,
    under_voltage:
      sample.underVoltage ?? (throttled === undefined ? null : (throttled & UNDER_VOLTAGE) !== 0),
    volts: sample.volts === undefined ? null : Math.round(sample.volts * 100) / 100,
    rx_bytes_s: rate(sample, previous, 'receivedBytes'),
    tx_bytes_s: rate(sample, previous, 'sentBytes'),
    boot: facts.boot ?? planBoot(sample) ?? null,
    pods,
  };
}

/** When the board started; undefined while its clock was never set. */
export function planBoot(sample: NodeSample): string | undefined {
  return sample.atMs < EARLIEST_MS ? undefined : timestamp(sample.atMs - sample.uptimeSeconds * 1_000);
}

/** The payload, never longer than {@link MAX_STATE_BYTES}: a board with a very long name leaves that to the topic. */
export function encodeState(state: NodeState, lowData = false): string {
  if (lowData) {
    const said = Object.entries(state).filter(([key]) => !LOW_DATA_OMITS.some((omitted) => omitted === key));
    return JSON.stringify(Object.fromEntries(said));
  }
  const whole = JSON.stringify(state);
  return whole.length <= MAX_STATE_BYTES ? whole : JSON.stringify({ ...state, node: undefined });
}

/** Bytes a second; null for the first message and after counters that began anew. */
function rate(
  sample: NodeSample,
  previous: NodeSample | undefined,
  counter: 'receivedBytes' | 'sentBytes',
): number | null {
  if (!previous) return null;
  const seconds = (sample.atMs - previous.atMs) / 1_000;
  const bytes = sample.network[counter] - previous.network[counter];
  return seconds > 0 && bytes >= 0 ? Math.round(bytes / seconds) : null;
}

const tenth = (value: number): number => Math.round(value * 10) / 10;
const percentUsed = (total: number, available: number): number =>
  total > 0 ? tenth(100 * (1 - available / total)) : 0;
