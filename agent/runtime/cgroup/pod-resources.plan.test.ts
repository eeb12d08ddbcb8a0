import { expect, it } from 'vitest';
import type { Container, Pod } from '#proto/schema/generated/core-v1.ts';
import { weightOfShares } from './parse.plan.ts';
import { podLimits } from './pod-resources.plan.ts';

const Mi = 1024 * 1024;
const container = (
  requests: Record<string, string>,
  limits: Record<string, string>,
  extra = {},
): Container => ({
  name: 'c',
  resources: { requests, limits },
  ...extra,
});
const pod = (containers: Container[], initContainers: Container[] = []): Pod => ({
  metadata: { name: 'p', uid: 'u' },
  spec: { containers, initContainers },
});
const big = { cpu: '2', memory: '300Mi' };
const small = { cpu: '500m', memory: '64Mi' };

it.each([
  ['nothing asked', pod([{ name: 'c' }]), [2, 0, 0]],
  ['two with limits', pod([container(small, small), container(small, small)]), [1024, 100_000, 128 * Mi]],
  ['one without a limit', pod([container(small, small), { name: 'd' }]), [512, 0, 0]],
  ['a CPU limit only', pod([container(small, { cpu: '1' })]), [512, 100_000, 0]],
  [
    'a large init container',
    pod([container(small, small)], [container(big, big)]),
    [2048, 200_000, 300 * Mi],
  ],
  [
    'a sidecar',
    pod([container(small, small)], [container(small, small, { restartPolicy: 'Always' })]),
    [1024, 100_000, 128 * Mi],
  ],
  [
    'a sidecar beside a large init container',
    pod(
      [container(small, small)],
      [container(small, small, { restartPolicy: 'Always' }), container(big, big)],
    ),
    [2560, 250_000, 364 * Mi],
  ],
  [
    'resources of its own',
    {
      metadata: {},
      spec: {
        containers: [container(small, small), {}],
        resources: { limits: { cpu: '3', memory: '300Mi' }, requests: { cpu: '2' } },
      },
    } as Pod,
    [2048, 300_000, 300 * Mi],
  ],
  [
    'an overhead of its runtime',
    {
      ...pod([container(small, small)]),
      spec: { ...pod([container(small, small)]).spec, overhead: { cpu: '250m', memory: '36Mi' } },
    },
    [768, 75_000, 100 * Mi],
  ],
])('limits of a pod with %s', (_name, value, [shares, quota, memory]) => {
  expect(podLimits(value)).toEqual({
    cpuShares: shares,
    cpuQuotaUs: quota,
    cpuPeriodUs: 100_000,
    memoryLimitBytes: memory,
    noSwap: (memory ?? 0) > 0,
  });
});

it.each([
  [2, 1],
  [1024, 39],
  [262_144, 10_000],
  [0, 1],
])('%d shares are a weight of %d', (shares, weight) => {
  expect(weightOfShares(shares)).toBe(weight);
});
