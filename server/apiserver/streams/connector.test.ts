import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { services } from '#proto/api/core/services.ts';
import { endpointslices } from '#proto/api/discovery/endpointslices.ts';
import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { Endpoint } from '#proto/schema/generated/discovery-v1.ts';
import { createStoreReader } from '#server/apiserver/authn/object-reader.ts';
import { createObject } from '#server/apiserver/rest/create.ts';
import { aCall, testApi } from '#server/apiserver/testing/test-api.ts';
import { Connector } from './connector.ts';

async function connectorWith(endpoint: Endpoint) {
  const api = testApi();
  const put = (resource: Resource, object: object) =>
    createObject(api, aCall(resource), object as KubeObject);
  await put(nodes, { metadata: { name: 'a' }, spec: { podCIDR: '10.42.0.0/24' } });
  await put(nodes, { metadata: { name: 'b' }, spec: { podCIDRs: ['10.42.1.0/24', 'fd00:1::/64'] } });
  await put(pods, { metadata: { name: 'p' }, spec: { nodeName: 'c', containers: [] } });
  await put(services, { metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } });
  await put(endpointslices, {
    metadata: { name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ port: 8080 }],
    endpoints: [endpoint],
  });
  const dialled: string[] = [];
  const connector = new Connector({
    reader: createStoreReader(api.store),
    streams: {
      dial: async (node, { host, port }) => {
        dialled.push(`${node} ${host}:${port}`);
        return new PassThrough();
      },
    },
    random: () => 0,
  });
  return { connector, dialled };
}

describe('Connector', () => {
  it.each<[string, Endpoint, string]>([
    ['the node of the endpoint', { addresses: ['10.42.0.7'], nodeName: 'a' }, 'a 10.42.0.7:8080'],
    [
      'the node of its Pod',
      { addresses: ['192.0.2.1'], targetRef: { kind: 'Pod', name: 'p' } },
      'c 192.0.2.1:8080',
    ],
    ['the node with that Pod range', { addresses: ['10.42.1.9'] }, 'b 10.42.1.9:8080'],
    ['the same, IPv6', { addresses: ['fd00:1::9'] }, 'b fd00:1::9:8080'],
  ])('goes by way of %s', async (_what, endpoint, expected) => {
    const { connector, dialled } = await connectorWith(endpoint);
    await connector.toService('default', 'web', 80);
    expect(dialled).toEqual([expected]);
  });

  it('dials from here what no node has', async () => {
    const { connector, dialled } = await connectorWith({ addresses: ['127.0.0.1'] });
    await expect(connector.toAddress({ host: '127.0.0.1', port: 1 })).rejects.toThrow(
      'dial tcp 127.0.0.1:1: connect: connection refused',
    );
    expect(dialled).toEqual([]);
  });

  it('knows no Service that is not there', async () => {
    const { connector } = await connectorWith({ addresses: ['127.0.0.1'] });
    await expect(connector.toService('default', 'other', 80)).rejects.toMatchObject({
      reason: 'NotFound',
      message: 'service "other" not found',
    });
  });
});
