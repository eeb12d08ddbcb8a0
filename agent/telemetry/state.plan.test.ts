import { describe, expect, it } from 'vitest';
import { MAX_STATE_BYTES } from '#proto/agent/mqtt-topics.ts';
import type { NodeSample } from '../node/metrics.ts';
import { encodeState, planBoot, planState, type StateFacts } from './state.plan.ts';

const NOW = Date.UTC(2026, 10, 20, 12);
const aSample = (change: Partial<NodeSample> = {}): NodeSample => ({
  atMs: NOW,
  cpuPercent: 12.345,
  memoryTotalBytes: 1_000_000_000,
  memoryAvailableBytes: 488_000_000,
  swapUsedBytes: 0,
  load1: 0.1,
  uptimeSeconds: 3600,
  temperatureCelsius: 48.72,
  throttled: 0x50005,
  underVoltage: undefined,
  volts: undefined,
  card: { writeMs: undefined, errors: 0, lifeUsedPercent: undefined, isEndOfLife: false, isReadOnly: false },
  disk: { totalBytes: 32_000_000_000, availableBytes: 20_000_000_000, inodes: 100, freeInodes: 90 },
  network: { receivedBytes: 5_000, sentBytes: 1_000 },
  processes: 100,
  maxProcesses: 32_768,
  ...change,
});
const facts = (change: Partial<StateFacts> = {}): StateFacts => ({
  nodeName: 'pi-kitchen',
  sample: aSample(),
  previous: undefined,
  sequence: 1,
  pods: 7,
  boot: undefined,
  ...change,
});

it('is one flat object', () => {
  expect(planState(facts())).toEqual({
    v: 1,
    node: 'pi-kitchen',
    ts: '2026-11-20T12:00:00Z',
    seq: 1,
    cpu_pct: 12.3,
    mem_pct: 51.2,
    disk_pct: 37.5,
    temp_c: 48.7,
    throttled: '0x50005',
    under_voltage: true,
    volts: null,
    rx_bytes_s: null,
    tx_bytes_s: null,
    boot: '2026-11-20T11:00:00Z',
    pods: 7,
  });
});

it('says null for what the board has no sensor for', () => {
  const sample = aSample({ temperatureCelsius: undefined, throttled: undefined });
  expect(planState(facts({ sample }))).toMatchObject({ temp_c: null, throttled: null, under_voltage: null });
});

describe('network rates', () => {
  const previous = aSample({ atMs: NOW - 10_000, network: { receivedBytes: 1_000, sentBytes: 1_000 } });
  it('are bytes a second since the message before', () => {
    expect(planState(facts({ previous }))).toMatchObject({ rx_bytes_s: 400, tx_bytes_s: 0 });
  });
  it.each([
    ['counters that began anew', aSample({ network: { receivedBytes: 10, sentBytes: 10 } })],
    ['a clock that was set back', aSample({ atMs: NOW - 20_000 })],
  ])('are unknown after %s', (_, sample) => {
    expect(planState(facts({ sample, previous }))).toMatchObject({ rx_bytes_s: null, tx_bytes_s: null });
  });
});

it('knows no boot time before the clock is set, and keeps the first it knew', () => {
  expect(planBoot(aSample({ atMs: 60_000 }))).toBeUndefined();
  expect(planState(facts({ sample: aSample({ atMs: 60_000 }) })).boot).toBeNull();
  expect(planState(facts({ boot: '2026-11-20T10:59:59Z' })).boot).toBe('2026-11-20T10:59:59Z');
});

it('takes the monitor of the supply at its word, where there is one', () => {
  const sample = aSample({ throttled: undefined, underVoltage: false, volts: 5.1234 });
  expect(planState(facts({ sample }))).toMatchObject({ throttled: null, under_voltage: false, volts: 5.12 });
});

it('says little on a link that is paid for by the byte', () => {
  const state = planState(facts());
  const payload = encodeState(state, true);
  expect(JSON.parse(payload)).toEqual({
    ...{ v: 1, ts: state.ts, seq: 1, cpu_pct: 12.3, mem_pct: 51.2, disk_pct: 37.5, temp_c: 48.7 },
    ...{ under_voltage: true, boot: state.boot },
  });
  expect(payload.length).toBeLessThan(180);
});

describe('the payload', () => {
  const huge = aSample({
    cpuPercent: 100,
    network: { receivedBytes: Number.MAX_SAFE_INTEGER, sentBytes: Number.MAX_SAFE_INTEGER },
    throttled: 0xffffffff,
    temperatureCelsius: -123.456,
    volts: 12.345,
  });
  const previous = aSample({ atMs: NOW - 1_000, network: { receivedBytes: 0, sentBytes: 0 } });
  it.each([1, 20, 63, 253])('fits with a name of %i characters', (length) => {
    const nodeName = 'n'.repeat(length);
    const state = planState(facts({ nodeName, sample: huge, previous, sequence: 4_294_967_295, pods: 110 }));
    const payload = encodeState(state);
    expect(payload.length).toBeLessThanOrEqual(MAX_STATE_BYTES);
    expect(JSON.parse(payload).node).toBe(length <= 63 ? nodeName : undefined);
  });
});
