import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import { services } from '#proto/api/core/services.ts';
import { endpointslices } from '#proto/api/discovery/endpointslices.ts';
import type { ServiceSpec } from '#proto/schema/generated/core-v1.ts';
import { createLoadBalancerController } from '#server/controllers/service/loadbalancer.controller.ts';
import { BOARD_PORTS } from '#server/controllers/service/loadbalancer.plan.ts';
import { type Harness, startHarness } from '#server/controllers/testing/harness.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness([(context) => createLoadBalancerController(context, BOARD_PORTS)]);
  for (const [name, address] of [
    ['b', '192.168.1.6'],
    ['a', '192.168.1.5'],
  ] as const)
    await harness.client.create(nodes, {
      metadata: { name },
      spec: {},
      status: {
        addresses: [
          { type: 'InternalIP', address },
          { type: 'Hostname', address: name },
        ],
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    });
});
afterEach(() => harness.stop());

const key = (name: string) => ({ namespace: 'default', name });
async function create(name: string, spec: Partial<ServiceSpec> = {}): Promise<void> {
  const whole = { type: 'LoadBalancer', ports: [{ port: 80, protocol: 'TCP' }], ...spec };
  const creationTimestamp = new Date(harness.clock.now()).toISOString();
  await harness.client.create(services, { metadata: { ...key(name), creationTimestamp }, spec: whole });
  await harness.settle();
  await harness.clock.advance(1000);
}
async function addresses(name: string): Promise<string[]> {
  await harness.settle();
  const { status } = await harness.client.get(services, key(name));
  return (status?.loadBalancer?.ingress ?? []).map(({ ip, ipMode }) => `${ip} ${ipMode}`);
}
const patchNode = (name: string, patch: object, subresource?: 'status') =>
  harness.client.patch(nodes, { name }, 'merge', patch, subresource ? { subresource } : {});
const BOTH = ['192.168.1.5 VIP', '192.168.1.6 VIP'];

describe('a LoadBalancer', () => {
  it('has the addresses of all boards that can be reached', async () => {
    await create('web');
    expect(await addresses('web')).toEqual(BOTH);
    await patchNode('a', { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } }, 'status');
    expect(await addresses('web')).toEqual(['192.168.1.6 VIP']);
    await patchNode('b', {
      metadata: { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } },
    });
    expect(await addresses('web')).toEqual([]);
    expect(harness.events.told).toContain('Normal EnsuredLoadBalancer Ensured load balancer');
  });

  it('is left alone where a class says whose it is, and gives its addresses back with its type', async () => {
    await create('theirs', { loadBalancerClass: 'example.com/x' });
    expect(await addresses('theirs')).toEqual([]);
    await create('web');
    await harness.client.patch(services, key('web'), 'merge', { spec: { type: 'ClusterIP' } });
    expect(await addresses('web')).toEqual([]);
  });

  it('with the policy Local is where its endpoints are, once it has some', async () => {
    await create('web', { externalTrafficPolicy: 'Local' });
    expect(await addresses('web')).toEqual(BOTH);
    const endpoint = (nodeName: string, ready: boolean) => ({
      addresses: ['10.42.1.2'],
      nodeName,
      conditions: { ready },
    });
    await harness.client.create(endpointslices, {
      metadata: { ...key('web-1'), labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      endpoints: [endpoint('a', false), endpoint('b', true)],
      ports: [],
    });
    expect(await addresses('web')).toEqual(['192.168.1.6 VIP']);
  });

  it('has one board alone where that is asked for', async () => {
    await create('web', { loadBalancerIP: '192.168.1.6' });
    expect(await addresses('web')).toEqual(['192.168.1.6 VIP']);
  });

  it('does not take a port from an older one, says so once, and gets it when that goes', async () => {
    await create('old');
    await create('new');
    await create('other', { ports: [{ port: 80, protocol: 'UDP' }] });
    expect(await addresses('old')).toEqual(BOTH);
    expect(await addresses('new')).toEqual([]);
    expect(await addresses('other')).toEqual(BOTH);
    const refusals = harness.events.told.filter((line) => line.startsWith('Warning'));
    expect(refusals).toEqual([
      'Warning SyncLoadBalancerFailed Error syncing load balancer: port TCP/80 of the boards is taken by Service default/old',
    ]);
    await harness.client.delete(services, key('old'));
    expect(await addresses('new')).toEqual(BOTH);
  });

  it('does not take a port that boards need', async () => {
    await create('ssh', { ports: [{ port: 22, protocol: 'TCP' }] });
    expect(await addresses('ssh')).toEqual([]);
    expect(harness.events.told.at(-1)).toContain('port TCP/22 is one that boards need themselves');
  });
});
