import { expect, it } from 'vitest';
import { parseThreshold } from '#agent/eviction/thresholds.plan.ts';
import { noReservations } from './fixtures.ts';
import { allocatableOf, parseReserved, podsLimits, type Reservations } from './reserved.plan.ts';

const GI = 1024 ** 3;
const size = { cpus: 4, memoryBytes: GI, diskBytes: 32 * GI };

it.each<[string, Partial<Reservations>, Record<string, string>]>([
  ['nothing', {}, { cpu: '4', memory: '924Mi', 'ephemeral-storage': '30923764532', pods: '110' }],
  [
    'for the system and for Coracle',
    {
      systemReserved: ['cpu=100m', 'memory=100Mi'].map(parseReserved),
      kubeReserved: ['cpu=200m', 'memory=24Mi', 'ephemeral-storage=2Gi'].map(parseReserved),
      evictionHard: [],
      maxPods: 30,
    },
    { cpu: '3700m', memory: '900Mi', 'ephemeral-storage': '30Gi', pods: '30' },
  ],
  ['more than there is', { systemReserved: [parseReserved('memory=2Gi')] }, { memory: '0' }],
  ['a share', { evictionHard: [parseThreshold('memory.available<25%')] }, { memory: '768Mi' }],
])('leaves Pods what is not kept: %s', (_what, over, expected) => {
  expect(allocatableOf(size, { ...noReservations, ...over })).toMatchObject(expected);
});

it('bounds the Pods by what is reserved, and leaves the rest to eviction', () => {
  const reserved = ['cpu=500m', 'memory=24Mi', 'pid=1000'].map(parseReserved);
  expect(podsLimits(size, { ...noReservations, systemReserved: reserved }, 32_768)).toEqual({
    cpuShares: 3584,
    cpuQuotaUs: 0,
    cpuPeriodUs: 100_000,
    memoryLimitBytes: 1000 * 1024 ** 2,
    pidsLimit: 31_768,
  });
});

it.each([
  ['gpu=1', 'cannot reserve "gpu": one of cpu, memory, ephemeral-storage, pid'],
  ['cpu=-1', 'resource quantity for "cpu" cannot be negative: -1'],
])('refuses %s', (text, message) => expect(() => parseReserved(text)).toThrow(message));
