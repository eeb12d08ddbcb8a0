import { describe, expect, it } from 'vitest';
import type { Service } from '#proto/schema/generated/core-v1.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import { planConntrack } from './conntrack.plan.ts';
import { anInput, aService, aSlice } from './fixtures.ts';
import { planDifference, planWhole } from './ruleset.plan.ts';
import { planServices } from './services.plan.ts';

const many = (count: number): [Service[], EndpointSlice[]] => {
  const names = Array.from({ length: count }, (_, i) => `s${i}`);
  return [
    names.map((name, i) => aService(name, { clusterIP: `10.43.${i >> 8}.${i & 255}` })),
    names.map((name, i) =>
      aSlice(
        name,
        Array.from({ length: 5 }, (_, e) => `10.42.${e}.${i & 255}@pi${e}`),
      ),
    ),
  ];
};
const planned = (services: readonly Service[], slices: readonly EndpointSlice[]) =>
  planServices(anInput(services, slices));

describe('planDifference', () => {
  it('says nothing when nothing differs, in whichever order things come', () => {
    const [services, slices] = many(20);
    expect(
      planDifference(planned(services, slices), planned(services.toReversed(), slices.toReversed())),
    ).toBe('');
  });

  it('is as small as the change, among a thousand Services', () => {
    const [services, slices] = many(1000);
    const before = planned(services, slices);
    const one = aService('one', { clusterIP: '10.43.99.1' });
    const after = planned([...services, one], [...slices, aSlice('one', ['10.42.1.2@pi'])]);
    expect(planDifference(before, after)).toBe(
      [
        'add chain ip coracle all/default/one/tcp-80',
        'add rule ip coracle all/default/one/tcp-80 meta l4proto tcp dnat to 10.42.1.2:8080',
        'add element ip coracle services { 10.43.99.1 . tcp . 80 : goto all/default/one/tcp-80 }',
        'add element ip coracle hairpin { 10.42.1.2 . 10.42.1.2 }',
        '',
      ].join('\n'),
    );
    expect(planDifference(after, before)).toBe(
      [
        'delete element ip coracle services { 10.43.99.1 . tcp . 80 }',
        'delete element ip coracle hairpin { 10.42.1.2 . 10.42.1.2 }',
        'flush chain ip coracle all/default/one/tcp-80',
        'delete chain ip coracle all/default/one/tcp-80',
        '',
      ].join('\n'),
    );
  });

  it('leaves what clients were promised when another endpoint comes', () => {
    const sticky = aService('web', { sessionAffinity: 'ClientIP' });
    const script = planDifference(
      planned([sticky], [aSlice('web', ['10.42.1.2@pi'])]),
      planned([sticky], [aSlice('web', ['10.42.1.2@pi', '10.42.2.2@pi2'])]),
    );
    expect(script).not.toMatch(/delete|set ip coracle clients.*10\.42\.1\.2|flush chain ip coracle end/);
    expect(script).toContain('add set ip coracle clients/10800/default/web/tcp-80/10.42.2.2/8080');
  });

  it('gives up where the fixed part differs', () => {
    const before = planServices(anInput([], []));
    expect(planDifference(before, planServices(anInput([], [], { podCidrs: [] })))).toBeUndefined();
  });
});

it('replaces the whole table in one transaction, and no table of others', () => {
  const [services, slices] = many(2);
  const script = planWhole(planned(services, slices));
  expect(script).toMatch(/^table ip coracle\ndelete table ip coracle\ntable ip coracle \{/);
  expect(script.match(/table/g)).toHaveLength(3);
});

describe('planConntrack', () => {
  const udp = aService('dns', { ports: [{ name: 'dns', protocol: 'UDP', port: 53 }] });
  const at = (...endpoints: string[]) =>
    planned([udp], [aSlice('dns', endpoints, { ports: [{ name: 'dns', protocol: 'UDP', port: 53 }] })]);
  const flow = ['-D', '-p', 'udp', '--orig-dst', '10.43.0.20', '--orig-port-dst', '53'];

  it.each([
    [
      'an endpoint went',
      at('10.42.1.2@pi', '10.42.1.3@pi'),
      at('10.42.1.3@pi'),
      [[...flow, '--reply-src', '10.42.1.2', '--reply-port-src', '53']],
    ],
    ['the first came', at(), at('10.42.1.2@pi'), [flow]],
    ['the Service came', planned([], []), at('10.42.1.2@pi'), [flow]],
    [
      'an endpoint got another port',
      at('10.42.1.2@pi'),
      planned(
        [udp],
        [aSlice('dns', ['10.42.1.2@pi'], { ports: [{ name: 'dns', protocol: 'UDP', port: 54 }] })],
      ),
      [[...flow, '--reply-src', '10.42.1.2', '--reply-port-src', '53']],
    ],
    ['another came', at('10.42.1.2@pi'), at('10.42.1.2@pi', '10.42.1.3@pi'), []],
    [
      'the Service went',
      at('10.42.1.2@pi'),
      planned([], []),
      [[...flow, '--reply-src', '10.42.1.2', '--reply-port-src', '53']],
    ],
  ])('when %s', (_, before, after, calls) => {
    expect(planConntrack(before, after)).toEqual(calls);
  });

  it('leaves TCP alone, which ends by itself', () => {
    const tcp = aService('web');
    expect(planConntrack(planned([tcp], [aSlice('web', ['10.42.1.2@pi'])]), planned([tcp], []))).toEqual([]);
  });
});
