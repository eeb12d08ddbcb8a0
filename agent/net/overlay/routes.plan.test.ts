import { expect, it } from 'vitest';
import { planRoutes, routesOf } from './routes.plan.ts';

const near = { kind: 'direct', range: '10.42.1.0/24', via: '10.0.0.2' } as const;
const plan = (over: Partial<Parameters<typeof planRoutes>[0]> = {}) =>
  planRoutes({
    paths: [near],
    serviceCidr: '10.43.0.0/16',
    hostIp: '10.0.0.1',
    hasDefault: true,
    present: [],
    ...over,
  });
const added = 'route replace 10.42.1.0/24 via 10.0.0.2 proto 144';

it.each([
  ['a way that is missing', [], [added]],
  ['nothing for what is right', [{ to: '10.42.1.0/24', way: 'via 10.0.0.2' }], []],
  ['a replacement for a board that moved', [{ to: '10.42.1.0/24', way: 'via 10.0.0.9' }], [added]],
  [
    'a replacement for a board that has come into the segment',
    [{ to: '10.42.1.0/24', way: 'via 10.42.1.0 dev coracle.vxlan onlink' }],
    [added],
  ],
  [
    'a removal for a board that went',
    [
      { to: '10.42.1.0/24', way: 'via 10.0.0.2' },
      { to: '10.42.7.0/24', way: 'via 10.0.0.7' },
    ],
    ['route del 10.42.7.0/24 proto 144'],
  ],
])('plans %s', (_name, present, commands) => {
  expect(plan({ present })).toEqual(commands);
});

it('leads into tunnels, and finds what it has set there', () => {
  const paths = [
    { kind: 'vxlan', range: '10.42.2.0/24' },
    { kind: 'wireguard', range: '10.42.3.0/24' },
  ] as const;
  expect(plan({ paths })).toEqual([
    'route replace 10.42.2.0/24 via 10.42.2.0 dev coracle.vxlan onlink proto 144',
    'route replace 10.42.3.0/24 dev coracle.wg proto 144',
  ]);
  const { present } = routesOf([
    { dst: '10.42.2.0/24', gateway: '10.42.2.0', dev: 'coracle.vxlan', protocol: '144', flags: ['onlink'] },
    { dst: '10.42.3.0/24', dev: 'coracle.wg', protocol: '144', flags: [] },
    { dst: '10.42.9.0/24', gateway: '10.0.0.9', dev: 'eth0', protocol: 'static' },
  ]);
  expect(plan({ paths, present })).toEqual([]);
});

it('gives a board without a default route one to Services', () => {
  expect(plan({ paths: [], hasDefault: false })).toEqual([
    'route replace 10.43.0.0/16 dev lo src 10.0.0.1 proto 144',
  ]);
  const present = [{ to: '10.43.0.0/16', way: 'dev lo src 10.0.0.1' }];
  expect(plan({ paths: [], hasDefault: false, present })).toEqual([]);
  expect(plan({ paths: [], present })).toEqual(['route del 10.43.0.0/16 proto 144']);
});
