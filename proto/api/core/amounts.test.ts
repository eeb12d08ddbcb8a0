import { expect, it } from 'vitest';
import { differenceOf, podAmounts, sumOf } from '#proto/api/core/amounts.ts';
import type { Container, PodSpec } from '#proto/schema/generated/core-v1.ts';

const asks = (cpu: string, over: Partial<Container> = {}): Container => ({
  name: 'c',
  image: 'i',
  resources: { requests: { cpu }, limits: { cpu } },
  ...over,
});
const sidecar = (cpu: string): Container => asks(cpu, { restartPolicy: 'Always' });

it.each<[string, PodSpec, Record<string, string>]>([
  ['its containers', { containers: [asks('250m'), asks('1')] }, { cpu: '1250m' }],
  [
    'its largest init container',
    { containers: [asks('1')], initContainers: [asks('2'), asks('3')] },
    { cpu: '3' },
  ],
  [
    'its sidecars beside its containers',
    { containers: [asks('1')], initContainers: [sidecar('1')] },
    { cpu: '2' },
  ],
  [
    'an init container beside the sidecars before it alone',
    { containers: [asks('1')], initContainers: [sidecar('1'), asks('3'), sidecar('1')] },
    { cpu: '4' },
  ],
  ['itself', { containers: [asks('1')], resources: { requests: { cpu: '5' } } }, { cpu: '5' }],
  [
    'its overhead',
    { containers: [asks('1')], overhead: { cpu: '100m', memory: '1Mi' } },
    { cpu: '1100m', memory: '1Mi' },
  ],
  ['nothing', { containers: [{ name: 'c', image: 'i' }] }, {}],
])('a Pod requests what is asked by %s', (_, spec, expected) => {
  expect(podAmounts(spec, 'requests')).toEqual(expected);
});

it('takes no overhead for a limit', () => {
  const spec = { containers: [asks('1')], overhead: { cpu: '100m', memory: '1Mi' } };
  expect(podAmounts(spec, 'limits')).toEqual({ cpu: '1100m' });
});

it('adds and subtracts exactly', () => {
  expect(sumOf({ cpu: '100m' }, { cpu: '900m', pods: '1' })).toEqual({ cpu: '1', pods: '1' });
  expect(differenceOf({ cpu: '1' }, { cpu: '100m', pods: '1' })).toEqual({ cpu: '900m', pods: '-1' });
});
