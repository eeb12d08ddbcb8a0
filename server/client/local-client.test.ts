import { expect, test } from 'vitest';
import { configmaps } from '#proto/api/core/configmaps.ts';
import { endpoints } from '#proto/api/core/endpoints.ts';
import { pods } from '#proto/api/core/pods.ts';
import { services } from '#proto/api/core/services.ts';
import type { ConfigMap } from '#proto/schema/generated/core-v1.ts';
import { ensureSystemObjects } from '#server/apiserver/bootstrap/system-objects.ts';
import { SubresourceHandlers } from '#server/apiserver/subresources/subresources.ts';
import { noBoards } from '#server/apiserver/testing/no-boards.ts';
import { aConfigMap, aPod, testApi } from '#server/apiserver/testing/test-api.ts';
import { createLocalClient } from '#server/client/local-client.ts';

const user = { name: 'system:kube-controller-manager', groups: ['system:masters'] };

function aClient() {
  const api = testApi();
  const subresources = new SubresourceHandlers({
    reviews: {},
    tokenIssuer: async (request) => request,
    streams: noBoards,
  });
  return { api, client: createLocalClient(api, subresources, user) };
}

const inDefault = (map: ConfigMap): ConfigMap => ({
  ...map,
  metadata: { ...map.metadata, namespace: 'default' },
});

test('what was written is read back, and readers share it', async () => {
  const { client } = aClient();
  const body = inDefault(aConfigMap('a', { k: 'v' }));
  await client.create(configmaps, body);
  expect(body.metadata.uid).toBeUndefined();
  const key = { namespace: 'default', name: 'a' };
  const [one, two] = [await client.get(configmaps, key), await client.get(configmaps, key)];
  expect(one).toBe(two);
  expect((await client.list(configmaps)).items[0]).toBe(one);
  await client.patch(configmaps, key, 'strategic', { data: { x: 'y' } });
  expect((await client.get(configmaps, key)).data).toEqual({ k: 'v', x: 'y' });
});

test('a watch yields until it is aborted', async () => {
  const { client } = aClient();
  const stop = new AbortController();
  const seen: string[] = [];
  const reading = (async () => {
    for await (const event of client.watch(configmaps, { signal: stop.signal })) {
      seen.push(`${event.type} ${(event.object as ConfigMap).metadata.name}`);
      if (seen.length === 2) stop.abort();
    }
  })();
  await client.create(configmaps, inDefault(aConfigMap('a')));
  await client.delete(configmaps, { namespace: 'default', name: 'a' });
  await reading;
  expect(seen).toEqual(['ADDED a', 'DELETED a']);
});

test('posts go to subresources', async () => {
  const { client } = aClient();
  const pod = aPod('p');
  pod.metadata.namespace = 'default';
  await client.create(pods, pod);
  const key = { namespace: 'default', name: 'p' };
  await client.post(pods, key, 'binding', { metadata: { name: 'p' }, target: { name: 'pi' } });
  expect((await client.get(pods, key)).spec.nodeName).toBe('pi');
  await expect(client.post(pods, key, 'nothing', {})).rejects.toMatchObject({ code: 405 });
});

test('the system objects are made once and follow the address', async () => {
  const { api, client } = aClient();
  const options = {
    serviceIp: '10.43.0.1',
    serviceCidr: '10.43.0.0/16',
    advertiseAddress: '192.168.1.2',
    port: 6443,
  };
  await ensureSystemObjects(client, options);
  const { revision } = api.store;
  await ensureSystemObjects(client, options);
  expect(api.store.revision).toBe(revision);
  await ensureSystemObjects(client, { ...options, advertiseAddress: '192.168.1.3' });
  const key = { namespace: 'default', name: 'kubernetes' };
  expect((await client.get(endpoints, key)).subsets?.[0]?.addresses?.[0]?.ip).toBe('192.168.1.3');
  expect((await client.get(services, key)).spec.clusterIP).toBe('10.43.0.1');
});
