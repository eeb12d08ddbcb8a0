import { describe, expect, it } from 'vitest';
import { aNode } from './fixtures.ts';
import { asNetworkMode, type PathsInput, planPaths, podMtu, WIREGUARD_KEY } from './paths.plan.ts';

const key = { [WIREGUARD_KEY]: 'KEY' };
const nodes = [
  aNode('pi', '10.0.0.1', '10.42.0.0/24', key),
  aNode('near', '10.0.0.2', '10.42.1.0/24', key),
  aNode('far', '10.9.0.2', '10.42.2.0/24'),
  aNode('new', '10.0.0.4'),
  aNode('shy', '', '10.42.3.0/24'),
];
const plan = (over: Partial<PathsInput> = {}) =>
  planPaths({ mode: 'auto', nodes, nodeName: 'pi', segments: ['10.0.0.1/24'], local: '10.0.0.1', ...over });
const far = {
  name: 'far',
  kind: 'vxlan',
  remote: '10.9.0.2',
  ranges: ['10.42.2.0/24'],
  publicKey: undefined,
};
const direct = { kind: 'direct', range: '10.42.1.0/24', via: '10.0.0.2' };

describe('planPaths', () => {
  it('takes each way where it fits', () => {
    expect(plan()).toEqual({
      paths: [{ kind: 'vxlan', range: '10.42.2.0/24' }, direct],
      peers: [far],
      beyond: [],
    });
  });

  it('names who is beyond where there are no tunnels', () => {
    expect(plan({ mode: 'host-gw' })).toEqual({ paths: [direct], peers: [], beyond: ['far'] });
  });

  it('uses tunnels alone where that is asked for', () => {
    expect(plan({ mode: 'vxlan' }).peers.map(({ name }) => name)).toEqual(['far', 'near']);
    expect(plan({ mode: 'vxlan' }).paths.every(({ kind }) => kind === 'vxlan')).toBe(true);
  });

  it('never goes unencrypted where encryption is asked for', () => {
    const { paths, peers, beyond } = plan({ mode: 'wireguard' });
    expect(paths).toEqual([{ kind: 'wireguard', range: '10.42.1.0/24' }]);
    expect(peers.map(({ publicKey }) => publicKey)).toEqual(['KEY']);
    expect(beyond).toEqual(['far']);
  });

  it('leads nowhere where another plug-in sees to it', () => {
    expect(plan({ mode: 'none' })).toEqual({ paths: [], peers: [], beyond: [] });
  });

  it('has a way for each family, and one tunnel for both', () => {
    const dual = [
      aNode('pi', '10.0.0.1,fd00::1', '10.42.0.0/24,fd42::/64'),
      aNode('near', '10.0.0.2,fd00::2', '10.42.1.0/24,fd42:0:0:1::/64'),
      aNode('half', '10.0.0.3', '10.42.2.0/24,fd42:0:0:2::/64'),
    ];
    const { paths, peers } = plan({ nodes: dual, segments: ['10.0.0.1/24', 'fd00::1/64'] });
    expect(paths).toEqual([
      { kind: 'direct', range: '10.42.2.0/24', via: '10.0.0.3' },
      { kind: 'vxlan', range: 'fd42:0:0:2::/64' },
      { kind: 'direct', range: '10.42.1.0/24', via: '10.0.0.2' },
      { kind: 'direct', range: 'fd42:0:0:1::/64', via: 'fd00::2' },
    ]);
    expect(peers.map(({ name, remote }) => `${name} ${remote}`)).toEqual(['half 10.0.0.3']);
  });
});

it.each([
  ['host-gw', 'host-gw'],
  ['', 'auto'],
  ['geneve', 'auto'],
  [undefined, 'auto'],
] as const)('takes the mode %s for %s', (text, mode) => {
  expect(asNetworkMode(text)).toBe(mode);
});

it.each([
  ['a link of Ethernet', 1500, [], 1500],
  ['a wider link is not made use of', 9000, [], 1500],
  ['a narrow link', 1280, [], 1280],
  ['VXLAN', 1500, [['vxlan', '10.9.0.2']], 1450],
  ['VXLAN over IPv6', 1500, [['vxlan', 'fd00::2']], 1430],
  ['WireGuard', 1500, [['wireguard', '10.9.0.2']], 1440],
  ['an unknown link', Number.POSITIVE_INFINITY, [], 1500],
] as const)('the MTU of Pods: %s', (_name, link, peers, expected) => {
  const tunnels = peers.map(([kind, remote]) => ({
    name: 'x',
    kind,
    remote,
    ranges: [],
    publicKey: undefined,
  }));
  expect(podMtu(link, tunnels)).toBe(expected);
});
