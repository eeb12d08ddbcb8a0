import { describe, expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';
import { contains, planRoutes } from './routes.plan.ts';
import { Routes } from './routes.ts';

const aNode = (name: string, ip: string, podCIDR?: string): Node =>
  ({
    metadata: { name },
    spec: podCIDR ? { podCIDR, podCIDRs: [podCIDR] } : {},
    status: { addresses: [{ type: 'InternalIP', address: ip }] },
  }) as Node;
const nodes = [
  aNode('pi', '10.0.0.1', '10.42.0.0/24'),
  aNode('pi2', '10.0.0.2', '10.42.1.0/24'),
  aNode('far', '10.9.0.2', '10.42.2.0/24'),
  aNode('new', '10.0.0.4'),
];
const plan = (rest: Partial<Parameters<typeof planRoutes>[0]> = {}) =>
  planRoutes({
    nodes,
    nodeName: 'pi',
    segments: ['10.0.0.1/24'],
    serviceCidr: '10.43.0.0/16',
    hostIp: '10.0.0.1',
    hasDefault: true,
    present: [],
    ...rest,
  });

describe('planRoutes', () => {
  it('leads to boards of the same segment, and names those beyond', () => {
    expect(plan()).toEqual({
      commands: ['route replace 10.42.1.0/24 via 10.0.0.2 proto 144'],
      beyond: ['far'],
    });
  });

  it.each([
    ['nothing for what is right', [{ to: '10.42.1.0/24', way: 'via 10.0.0.2' }], []],
    [
      'a replacement for a board that moved',
      [{ to: '10.42.1.0/24', way: 'via 10.0.0.9' }],
      ['route replace 10.42.1.0/24 via 10.0.0.2 proto 144'],
    ],
    [
      'a removal for a board that went',
      [
        { to: '10.42.1.0/24', way: 'via 10.0.0.2' },
        { to: '10.42.7.0/24', way: 'via 10.0.0.7' },
      ],
      ['route del 10.42.7.0/24 proto 144'],
    ],
  ])('says %s', (_, present, commands) => {
    expect(plan({ present }).commands).toEqual(commands);
  });
});

it('gives a board without a default route one to Services', () => {
  expect(plan({ nodes: [], hasDefault: false }).commands).toEqual([
    'route replace 10.43.0.0/16 dev lo src 10.0.0.1 proto 144',
  ]);
  const present = [{ to: '10.43.0.0/16', way: 'dev lo src 10.0.0.1' }];
  expect(plan({ nodes: [], hasDefault: false, present }).commands).toEqual([]);
  expect(plan({ nodes: [], present }).commands).toEqual(['route del 10.43.0.0/16 proto 144']);
});

it.each([
  ['10.42.0.0/16', '10.42.255.1', true],
  ['10.42.0.0/16', '10.43.0.1', false],
  ['10.0.0.1/32', '10.0.0.1', true],
  ['0.0.0.0/0', '200.1.1.1', true],
  ['fd00::/8', '10.0.0.1', false],
])('contains(%s, %s) is %s', (cidr, ip, expected) => {
  expect(contains(cidr, ip)).toBe(expected);
});

const KERNEL = JSON.stringify([
  { dst: 'default', gateway: '10.0.0.254', dev: 'eth0', flags: [] },
  { dst: '10.42.9.0/24', gateway: '10.0.0.9', dev: 'eth0', protocol: '144', flags: [] },
  { dst: '10.42.8.0/24', gateway: '10.0.0.8', dev: 'eth0', protocol: 'static', flags: [] },
]);

it('reads what the kernel has, and tells it what differs', async () => {
  const ran: string[] = [];
  const routes = new Routes({
    nodes: () => nodes,
    nodeName: 'pi',
    segments: () => ['10.0.0.1/24'],
    serviceCidr: () => '10.43.0.0/16',
    hostIps: () => ['10.0.0.1'],
    run: async (_program, args, input) => {
      ran.push(input ?? args.join(' '));
      return input ? '' : KERNEL;
    },
    clock: new FakeClock(),
    log: silent,
  });
  await routes.apply();
  expect(ran).toEqual([
    '-json -4 route show',
    'route del 10.42.9.0/24 proto 144\nroute replace 10.42.1.0/24 via 10.0.0.2 proto 144\n',
  ]);
});
