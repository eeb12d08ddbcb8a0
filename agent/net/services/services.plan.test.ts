import { describe, expect, it } from 'vitest';
import type { Service } from '#proto/schema/generated/core-v1.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import { planDifference, planWhole } from '../nft/table.plan.ts';
import { planConntrack } from './conntrack.plan.ts';
import { IPV6 } from './family.ts';
import { anEndpoint, anInput, aService, aSlice } from './fixtures.ts';
import { planServices, type ServicesInput } from './services.plan.ts';

const WEB = '10.43.0.20 . tcp . 80';
const both = ['10.42.1.2@pi', '10.42.2.2@pi2'];
const plan = (
  service: Parameters<typeof aService>[1],
  endpoints: Parameters<typeof aSlice>[1],
  rest: Partial<ServicesInput> = {},
) => planServices(anInput([aService('web', service)], [aSlice('web', endpoints)], rest));
const rules = (ruleset: ReturnType<typeof planServices>, chain: string): string =>
  (ruleset.chains.get(`${chain}/default/web/tcp-80`) ?? []).join('; ');

describe('a ClusterIP', () => {
  it('spreads over all endpoints, with the source of a Pod kept', () => {
    const planned = plan({}, both);
    expect(planned.elements.services.get(WEB)).toBe('goto all/default/web/tcp-80');
    expect(rules(planned, 'all')).toBe(
      'meta l4proto tcp dnat ip addr . port to numgen random mod 2 map { 0 : 10.42.1.2 . 8080, 1 : 10.42.2.2 . 8080 }',
    );
    expect([...planned.elements.hairpin.keys()]).toEqual(['10.42.1.2 . 10.42.1.2']);
  });

  it.each([
    ['no slice has one', []],
    ['none is ready', [anEndpoint('10.42.1.2@pi', { conditions: { ready: false } })]],
  ])('is refused when %s', (_, endpoints) => {
    const planned = plan({}, endpoints);
    expect(planned.elements.refused.get(WEB)).toBe('goto refuse');
    expect(planned.elements.services.size + planned.chains.size).toBe(0);
  });

  it('falls back to endpoints that end but still serve', () => {
    const ending = { conditions: { ready: false, serving: true, terminating: true } };
    const last = plan({}, [
      anEndpoint('10.42.1.2@pi', ending),
      anEndpoint('10.42.2.2@pi2', { conditions: {} }),
    ]);
    expect(rules(last, 'all')).toBe('meta l4proto tcp dnat to 10.42.2.2:8080');
    expect(rules(plan({}, [anEndpoint('10.42.1.2@pi', ending)]), 'all')).toContain('10.42.1.2:8080');
  });

  it('with the internal policy Local stays on the board, and is silent where it has none', () => {
    const local = { internalTrafficPolicy: 'Local' };
    expect(rules(plan(local, both), 'local')).toBe('meta l4proto tcp dnat to 10.42.1.2:8080');
    expect(plan(local, ['10.42.2.2@pi2']).elements.refused.get(WEB)).toBe('drop');
    expect(plan(local, []).elements.refused.get(WEB)).toBe('goto refuse');
  });

  it.each([
    ['headless', { clusterIP: 'None' }],
    ['ExternalName', { type: 'ExternalName', externalName: 'x.org' }],
    ['IPv6', { clusterIP: 'fd00::1', clusterIPs: ['fd00::1'] }],
  ])('is nobody’s business when %s', (_, spec) => {
    const planned = plan(spec, both);
    expect(planned.elements.services.size + planned.elements.refused.size).toBe(0);
  });

  it('leads SCTP as it leads TCP, for kernels that have it', () => {
    const sctp = [{ name: 'http', protocol: 'SCTP', port: 80 }];
    const input = anInput(
      [aService('web', { ports: sctp })],
      [aSlice('web', both.slice(0, 1), { ports: sctp })],
    );
    const planned = planServices(input);
    expect(planned.elements.services.get('10.43.0.20 . sctp . 80')).toBe('goto all/default/web/sctp-80');
    expect(planned.chains.get('all/default/web/sctp-80')).toEqual(['meta l4proto sctp dnat to 10.42.1.2:80']);
  });

  it('is the board’s own business at the address of DNS, until Pods answer there', () => {
    const dns = { clusterIP: '10.43.0.10' };
    const none = plan(dns, []);
    expect(none.elements.services.size + none.elements.refused.size).toBe(0);
    expect(plan(dns, both).elements.services.has('10.43.0.10 . tcp . 80')).toBe(true);
    expect(plan(dns, [], { dnsAddress: undefined }).elements.refused.size).toBe(1);
  });

  it('takes the port of the slice that has its name and protocol', () => {
    const dns = aService('web', { ports: [{ name: 'dns', protocol: 'UDP', port: 53 }] });
    const slice = aSlice('web', ['10.42.1.2@pi'], {
      ports: [
        { name: 'dns', protocol: 'TCP', port: 1 },
        { name: 'dns', protocol: 'UDP', port: 5353 },
      ],
    });
    expect(planServices(anInput([dns], [slice])).chains.get('all/default/web/udp-53')).toEqual([
      'meta l4proto udp dnat to 10.42.1.2:5353',
    ]);
  });
});

describe('from outside', () => {
  const nodePort = {
    type: 'NodePort',
    ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 30080 }],
  };

  it('a node port hides the client behind the board', () => {
    const planned = plan(nodePort, both);
    expect(planned.elements.nodeports.get('tcp . 30080')).toBe('goto outside/default/web/tcp-80');
    expect(rules(planned, 'outside')).toBe('jump masquerade-later; goto all/default/web/tcp-80');
    expect(plan(nodePort, []).elements['refused-nodeports'].get('tcp . 30080')).toBe('goto refuse');
  });

  it('the policy Local keeps the client, for those outside alone', () => {
    const local = { ...nodePort, externalTrafficPolicy: 'Local' };
    expect(rules(plan(local, both), 'outside')).toBe(
      [
        'ip saddr 10.42.0.0/16 goto all/default/web/tcp-80',
        'fib saddr type local jump masquerade-later',
        'fib saddr type local goto all/default/web/tcp-80',
        'goto local/default/web/tcp-80',
      ].join('; '),
    );
    expect(rules(plan(local, ['10.42.2.2@pi2']), 'outside')).toMatch(/; drop$/);
  });

  it('a LoadBalancer is where its status says, and keeps out who is not let in', () => {
    const spec = { ...nodePort, type: 'LoadBalancer', loadBalancerSourceRanges: [' 192.168.1.0/24'] };
    const at = (...ingress: object[]) =>
      planServices(
        anInput([aService('web', spec, { status: { loadBalancer: { ingress } } })], [aSlice('web', both)]),
      );
    const planned = at({ ip: '192.168.1.5', ipMode: 'VIP' }, { ip: 'fd00::5' }, { hostname: 'x.org' });
    expect(planned.elements.services.get('192.168.1.5 . tcp . 80')).toBe('goto balancer/default/web/tcp-80');
    expect(planned.elements.services.size).toBe(2);
    expect(rules(planned, 'balancer')).toBe(
      'ip saddr != { 192.168.1.0/24 } drop; goto outside/default/web/tcp-80',
    );
    expect(at({ ip: '192.168.1.5', ipMode: 'Proxy' }).elements.services.size).toBe(1);
  });

  it('external addresses lead in, the first Service that claims one keeps it', () => {
    const claims = (name: string, clusterIP: string) =>
      aService(name, { clusterIP, externalIPs: ['1.2.3.4'] });
    const planned = planServices(
      anInput([claims('b', '10.43.0.2'), claims('a', '10.43.0.1')], [aSlice('a', both), aSlice('b', both)]),
    );
    expect(planned.elements.services.get('1.2.3.4 . tcp . 80')).toBe('goto outside/default/a/tcp-80');
  });
});

it('remembers clients for as long as the Service says', () => {
  const sticky = {
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
  };
  const planned = plan(sticky, both);
  expect(planned.sets.get('clients/60/default/web/tcp-80/10.42.1.2/8080')?.declaration).toContain(
    'timeout 60s',
  );
  expect(rules(planned, 'all')).toMatch(/^ip saddr @clients.* goto end.*numgen random mod 2 vmap/);
});

describe('with hints', () => {
  const hinted = (at: string, zone: string, node?: string) =>
    anEndpoint(at, {
      hints: { forZones: [{ name: zone }], ...(node ? { forNodes: [{ name: node }] } : {}) },
    });
  const inZones = [hinted('10.42.1.2@pi', 'attic'), hinted('10.42.2.2@pi2', 'cellar')];
  it('prefers the zone of the board, where all that are ready have one', () => {
    const ending = anEndpoint('10.42.4.4@pi4', { conditions: { ready: false } });
    expect(rules(plan({}, [...inZones, ending], { zone: 'cellar' }), 'all')).toBe(
      'meta l4proto tcp dnat to 10.42.2.2:8080',
    );
    for (const planned of [
      plan({}, inZones, { zone: 'garden' }),
      plan({}, inZones),
      plan({}, [...inZones, '10.42.3.3@pi3'], { zone: 'cellar' }),
    ])
      expect(rules(planned, 'all')).toContain('10.42.1.2');
  });

  it('prefers the board itself, and its zone where it has none', () => {
    const onNodes = [hinted('10.42.2.2@pi2', 'attic', 'pi2'), hinted('10.42.3.2@pi3', 'cellar', 'pi3')];
    const mine = hinted('10.42.1.2@pi', 'attic', 'pi');
    expect(rules(plan({}, [...onNodes, mine], { zone: 'attic' }), 'all')).toContain('to 10.42.1.2:');
    expect(rules(plan({}, onNodes, { zone: 'attic' }), 'all')).toContain('to 10.42.2.2:');
  });
});

it('masquerades Pods out of the cluster only where the network is ours', () => {
  const out = /10\.42\.1\.0\/24 .*masquerade/;
  expect(planServices(anInput([], [])).base).toMatch(out);
  expect(planServices(anInput([], [], { masqueradePods: false })).base).not.toMatch(out);
});

describe('the second family', () => {
  const dual = (spec: Parameters<typeof aService>[1] = {}) =>
    aService('web', { clusterIPs: ['10.43.0.20', 'fd00:43::20'], ipFamilies: ['IPv4', 'IPv6'], ...spec });
  const slices = [
    aSlice('web', both),
    aSlice('web', ['fd00:42:0:1::2@pi', 'fd00:42:0:2::2@pi2'], { addressType: 'IPv6' }),
  ];
  const input = (spec?: Parameters<typeof aService>[1]) =>
    anInput([dual(spec)], slices, {
      ...{ family: IPV6, clusterCidr: 'fd00:42::/56', serviceCidr: 'fd00:43::/112' },
      podCidrs: ['fd00:42:0:1::/64'],
    });

  it('is a table of its own, with its own addresses', () => {
    const planned = planServices(input());
    expect(planned.family).toBe('ip6');
    expect([...planned.elements.services.keys()]).toEqual(['fd00:43::20 . tcp . 80']);
    expect(rules(planned, 'all')).toBe(
      'meta l4proto tcp dnat ip6 addr . port to numgen random mod 2 map { 0 : fd00:42:0:1::2 . 8080, 1 : fd00:42:0:2::2 . 8080 }',
    );
    expect([...planServices(anInput([dual()], slices)).elements.services.keys()]).toEqual([
      '10.43.0.20 . tcp . 80',
    ]);
  });

  it('remembers clients under names that nft takes', () => {
    const planned = planServices(input({ sessionAffinity: 'ClientIP' }));
    expect(planned.sets.get('clients/10800/default/web/tcp-80/fd00_42_0_1__2/8080')?.declaration).toBe(
      'type ipv6_addr; flags dynamic,timeout; timeout 10800s;',
    );
    expect(planned.chains.get('end/default/web/tcp-80/fd00_42_0_1__2/8080')?.[1]).toBe(
      'meta l4proto tcp dnat to [fd00:42:0:1::2]:8080',
    );
  });

  it('forgets UDP flows to what is gone', () => {
    const udp = [{ name: 'http', protocol: 'UDP', port: 53 }];
    const at = (...endpoints: string[]) =>
      planServices({
        ...input({ ports: udp }),
        slices: [aSlice('web', endpoints, { addressType: 'IPv6', ports: udp })],
      });
    const flow = ['-f', 'ipv6', '-D', '-p', 'udp', '--orig-dst', 'fd00:43::20', '--orig-port-dst', '53'];
    for (const before of [at('fd00:42:0:1::2@pi'), at('fd00:42:0:1::2@pi', 'fd00:42:0:2::2@pi2')])
      expect(planConntrack(before, at('fd00:42:0:2::2@pi2'))).toEqual([
        [...flow, '--reply-src', 'fd00:42:0:1::2', '--reply-port-src', '53'],
      ]);
  });
});

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

describe('the difference', () => {
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
