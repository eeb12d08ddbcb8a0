import { expect, it } from 'vitest';
import { endpoints } from '#proto/api/core/endpoints.ts';
import { services } from '#proto/api/core/services.ts';
import { endpointslices } from '#proto/api/discovery/endpointslices.ts';
import type { Endpoints, Service } from '#proto/schema/generated/core-v1.ts';
import { startHarness } from '#server/controllers/testing/harness.ts';
import { createEndpointSliceMirroringController } from './endpointslicemirroring.controller.ts';

const key = { namespace: 'default', name: 'db' };

const aService = (selector?: Record<string, string>): Service =>
  ({ metadata: key, spec: { ports: [{ port: 80 }], ...(selector ? { selector } : {}) } }) as Service;

const someEndpoints = (ips: readonly string[], metadata = {}): Endpoints =>
  ({
    metadata: { ...key, ...metadata },
    subsets: [{ addresses: ips.map((ip) => ({ ip })), ports: [{ port: 5432, protocol: 'TCP' }] }],
  }) as Endpoints;

async function aCluster() {
  const harness = await startHarness([createEndpointSliceMirroringController]);
  return {
    ...harness,
    slices: async () => {
      await harness.settle();
      return (await harness.client.list(endpointslices, { namespace: 'default' })).items;
    },
  };
}

it('mirrors what is written by hand, follows a change, and goes with it', async () => {
  const { client, slices, stop } = await aCluster();
  await client.create(services, aService());
  const written = await client.create(
    endpoints,
    someEndpoints(['10.1.2.3'], {
      labels: { app: 'db' },
      annotations: { note: 'x', 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
    }),
  );
  const [slice, ...more] = await slices();
  expect(more).toEqual([]);
  expect(slice).toMatchObject({
    metadata: {
      labels: {
        app: 'db',
        'kubernetes.io/service-name': 'db',
        'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
      },
      annotations: { note: 'x' },
      ownerReferences: [{ kind: 'Endpoints', name: 'db', controller: true }],
    },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.1.2.3'], conditions: { ready: true } }],
    ports: [{ name: '', port: 5432, protocol: 'TCP' }],
  });
  expect(Object.keys(slice?.metadata.annotations ?? {})).toEqual(['note']);

  await client.update(endpoints, { ...someEndpoints(['10.2.3.4', 'fd00::1']), metadata: written.metadata });
  const changed = await slices();
  expect(changed.map((one) => [one.addressType, one.endpoints?.[0]?.addresses])).toEqual(
    expect.arrayContaining([
      ['IPv4', ['10.2.3.4']],
      ['IPv6', ['fd00::1']],
    ]),
  );
  expect(changed.map((one) => one.metadata.name)).toContain(slice?.metadata.name);

  await client.delete(endpoints, key);
  expect(await slices()).toEqual([]);
  stop();
});

it('writes a slice anew when the ports change', async () => {
  const { client, slices, stop } = await aCluster();
  await client.create(services, aService());
  const written = await client.create(endpoints, someEndpoints(['10.1.2.3']));
  const [before] = await slices();
  const subsets = [{ addresses: [{ ip: '10.1.2.3' }], ports: [{ port: 99, protocol: 'TCP' }] }];
  await client.update(endpoints, { ...written, subsets } as Endpoints);
  const after = await slices();
  expect(after.map(({ metadata, ports }) => [metadata.name, ports?.[0]?.port])).toEqual([
    [before?.metadata.name, 99],
  ]);
  stop();
});

it.each([
  ['a service that selects Pods', aService({ app: 'db' }), someEndpoints(['10.1.2.3'])],
  [
    'endpoints that ask not to be',
    aService(),
    someEndpoints(['10.1.2.3'], { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }),
  ],
  [
    'a lock of a leader election',
    aService(),
    someEndpoints(['10.1.2.3'], { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } }),
  ],
])('does not mirror %s', async (_what, service, written) => {
  const { client, slices, stop } = await aCluster();
  await client.create(services, service);
  await client.create(endpoints, written);
  expect(await slices()).toEqual([]);
  stop();
});

it('takes slices away when the service begins to select Pods', async () => {
  const { client, slices, stop } = await aCluster();
  const service = await client.create(services, aService());
  await client.create(endpoints, someEndpoints(['10.1.2.3']));
  expect(await slices()).toHaveLength(1);
  await client.update(services, { ...service, spec: { ...service.spec, selector: { app: 'db' } } });
  expect(await slices()).toEqual([]);
  stop();
});
