import { expect, it } from 'vitest';
import { services } from '#proto/api/core/services.ts';
import { systemClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { InformerFactory } from '#server/client/informer-factory.ts';
import { MemoryClient } from '#server/client/memory-client.ts';
import { keepSystemObjects } from './keep-system-objects.ts';
import { ensureSystemObjects } from './system-objects.ts';

it('makes the kubernetes Service again when it is deleted', async () => {
  const client = new MemoryClient();
  const objects = {
    serviceIp: '10.43.0.1',
    serviceCidr: '10.43.0.0/16',
    advertiseAddress: '192.168.1.2',
    port: 6443,
  };
  await ensureSystemObjects(client, objects);
  const stop = new AbortController();
  const informers = new InformerFactory({ client, clock: systemClock, log: silent });
  keepSystemObjects({ client, informers, objects, log: silent });
  informers.start(stop.signal);
  await informers.whenSynced();
  const key = { namespace: 'default', name: 'kubernetes' };
  const { metadata } = await client.get(services, key);
  await client.delete(services, key);
  const now = () => client.get(services, key).catch(() => undefined);
  await expect.poll(async () => (await now())?.metadata.uid ?? metadata.uid).not.toBe(metadata.uid);
  expect((await now())?.spec.clusterIP).toBe('10.43.0.1');
  stop.abort();
});
