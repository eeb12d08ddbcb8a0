import { expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { aNode } from './fixtures.ts';
import { Overlay, type OverlayOptions } from './overlay.ts';

const ROUTES = JSON.stringify([
  { dst: 'default', gateway: '10.0.0.254', dev: 'eth0', flags: [] },
  { dst: '10.42.9.0/24', gateway: '10.0.0.9', dev: 'eth0', protocol: '144', flags: [] },
]);
const near = [aNode('pi', '10.0.0.1', '10.42.0.0/24'), aNode('near', '10.0.0.2', '10.42.1.0/24')];
const far = [...near, aNode('far', '10.9.0.2', '10.42.2.0/24')];

function anOverlay(over: Partial<OverlayOptions>) {
  const ran: string[] = [];
  const overlay = new Overlay({
    mode: () => 'auto',
    tunnelPort: () => 0,
    nodes: () => near,
    nodeName: 'pi',
    serviceCidr: () => '10.43.0.0/16',
    hostIps: () => ['10.0.0.1'],
    interfaces: () => ({ eth0: ['10.0.0.1/24'], cni0: ['10.42.0.1/24'] }),
    linkMtu: async () => 1500,
    onPodMtu: async (mtu) => void ran.push(`mtu ${mtu}`),
    wireguard: () => Promise.reject(new Error('not asked for')),
    run: async (program, args, input) => {
      ran.push(input ? `${program} ${input}` : `${program} ${args.join(' ')}`);
      if (args.includes('address')) throw new Error('does not exist');
      return args.includes('route') ? ROUTES : '';
    },
    clock: new FakeClock(),
    log: silent,
    ...over,
  });
  return { overlay, ran };
}

it('reads what the kernel has, and tells it what differs', async () => {
  const { overlay, ran } = anOverlay({});
  await overlay.apply();
  expect(ran).toEqual([
    'mtu 1500',
    'ip -json -4 route show',
    'ip route del 10.42.9.0/24 proto 144\nroute replace 10.42.1.0/24 via 10.0.0.2 proto 144\n',
  ]);
});

it('makes the tunnel before the ways through it', async () => {
  const { overlay, ran } = anOverlay({ nodes: () => far, tunnelPort: () => 4789 });
  await overlay.apply();
  expect(ran[0]).toBe('mtu 1450');
  expect(ran.map((line) => line.split(/[ \n]/).slice(0, 3).join(' '))).toEqual([
    'mtu 1450',
    'ip -json -details',
    'ip link add',
    'bridge fdb replace',
    'ip -json -4',
    'ip route del',
  ]);
  expect(ran[2]).toContain('dstport 4789');
  expect(ran.at(-1)).toContain('route replace 10.42.2.0/24 via 10.42.2.0 dev coracle.vxlan onlink proto 144');
});

it('begins no tunnel before the board has a Pod network of its own', async () => {
  const { overlay, ran } = anOverlay({ nodes: () => [aNode('pi', '10.0.0.1'), ...far.slice(1)] });
  await overlay.apply();
  expect(ran.join('\n')).not.toMatch(/link add|dev coracle.vxlan onlink/);
  expect(ran.at(-1)).toContain('route replace 10.42.1.0/24 via 10.0.0.2');
});

it('takes its own ways back where another plug-in sees to it, and does nothing before it is told', async () => {
  const none = anOverlay({ mode: () => 'none' });
  await none.overlay.apply();
  expect(none.ran.at(-1)).toBe('ip route del 10.42.9.0/24 proto 144\n');
  for (const over of [{ mode: () => undefined }, { nodes: () => undefined }]) {
    const early = anOverlay(over);
    await early.overlay.apply();
    expect(early.ran).toEqual([]);
  }
});
