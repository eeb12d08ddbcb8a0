import { describe, expect, it } from 'vitest';
import type { TunnelPeer } from './paths.plan.ts';
import { macOf, planVxlan, type VxlanPresent } from './vxlan.plan.ts';

const own = { local: '10.0.0.1', ranges: ['10.42.0.0/24'], mtu: 1450, port: 8472 };
const aPeer = (name: string, remote: string, ...ranges: string[]): TunnelPeer => ({
  name,
  kind: 'vxlan',
  remote,
  ranges,
  publicKey: undefined,
});
const far = aPeer('far', '10.9.0.2', '10.42.2.0/24');
const nothing: VxlanPresent = {
  device: undefined,
  addresses: [],
  neighbours: new Map(),
  forwarding: new Map(),
};
const present: VxlanPresent = {
  device: { mac: macOf('10.42.0.0/24'), mtu: 1450, up: true, id: 42, local: '10.0.0.1', port: 8472 },
  addresses: ['10.42.0.0/32'],
  neighbours: new Map([['10.42.2.0', macOf('10.42.2.0/24')]]),
  forwarding: new Map([[macOf('10.42.2.0/24'), '10.9.0.2']]),
};

it('gives each board a MAC of its own that others can tell', () => {
  expect(macOf('10.42.2.0/24')).toBe('0e:63:0a:2a:02:00');
  expect(macOf('fd42:0:0:2::/64')).toMatch(/^0e:63(:[0-9a-f]{2}){4}$/);
  expect(macOf('fd42:0:0:2::/64')).not.toBe(macOf('fd42:0:0:3::/64'));
});

describe('planVxlan', () => {
  it('makes the device, and entries instead of questions', () => {
    const dual = { ...own, ranges: [...own.ranges, 'fd42::/64'] };
    expect(planVxlan(dual, [aPeer('far', '10.9.0.2', '10.42.2.0/24', 'fd42:0:0:2::/64')], nothing)).toEqual({
      ip: [
        'link add dev coracle.vxlan address 0e:63:0a:2a:00:00 type vxlan id 42 local 10.0.0.1 dstport 8472 nolearning',
        'link set dev coracle.vxlan mtu 1450 up',
        'addr replace 10.42.0.0/32 dev coracle.vxlan',
        'addr replace fd42::/128 dev coracle.vxlan nodad',
        'neigh replace 10.42.2.0 lladdr 0e:63:0a:2a:02:00 dev coracle.vxlan nud permanent',
        'neigh replace fd42:0:0:2:: lladdr 0e:63:0a:2a:02:00 dev coracle.vxlan nud permanent',
      ],
      bridge: ['fdb replace 0e:63:0a:2a:02:00 dev coracle.vxlan dst 10.9.0.2'],
      last: [],
    });
  });

  it('leaves what is right', () => {
    expect(planVxlan(own, [far], present)).toEqual({ ip: [], bridge: [], last: [] });
  });

  it('follows a board that moved, and forgets one that went', () => {
    expect(planVxlan(own, [{ ...far, remote: '10.9.0.7' }], present).bridge).toEqual([
      'fdb del 0e:63:0a:2a:02:00 dev coracle.vxlan dst 10.9.0.2',
      'fdb replace 0e:63:0a:2a:02:00 dev coracle.vxlan dst 10.9.0.7',
    ]);
    const other = planVxlan(own, [aPeer('b', '10.9.0.3', '10.42.3.0/24')], present);
    expect(other.ip).toContain('neigh del 10.42.2.0 dev coracle.vxlan');
    expect(other.bridge[0]).toBe('fdb del 0e:63:0a:2a:02:00 dev coracle.vxlan dst 10.9.0.2');
  });

  it('makes the device anew for another address of the board, and changes its MTU as it is', () => {
    const moved = planVxlan({ ...own, local: '10.0.0.7' }, [far], present);
    expect(moved.ip.slice(0, 2).map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      'link del',
      'link add',
    ]);
    expect(moved.ip).toContain('addr replace 10.42.0.0/32 dev coracle.vxlan');
    expect(moved.bridge.length).toBe(1);
    expect(planVxlan({ ...own, mtu: 1400 }, [far], present).ip).toEqual([
      'link set dev coracle.vxlan mtu 1400 up',
    ]);
  });

  it('takes it away when nobody is behind it', () => {
    expect(planVxlan(own, [], present).last).toEqual(['link del dev coracle.vxlan']);
    expect(planVxlan(own, [], nothing)).toEqual({ ip: [], bridge: [], last: [] });
  });
});
