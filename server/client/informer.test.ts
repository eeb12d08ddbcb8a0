import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { defineResource } from '#proto/api/define.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { badRequest } from '#proto/meta/status-error.ts';
import type { ConfigMap } from '#proto/schema/generated/core-v1.ts';
import type { ApiClient } from '#server/client/client.ts';
import { InformerFactory } from '#server/client/informer-factory.ts';
import { MemoryClient } from '#server/client/memory-client.ts';
import { indexByNamespace } from '#server/client/object-cache.ts';

const configMaps = defineResource<ConfigMap>({
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
});

const aConfigMap = (name: string, data: Record<string, string> = {}): ConfigMap => ({
  metadata: { name, namespace: 'default' },
  data,
});

let stop = new AbortController();
afterEach(() => stop.abort());

async function anInformer(client: ApiClient) {
  stop = new AbortController();
  const clock = new FakeClock();
  const factory = new InformerFactory({ client, clock, log: silent, rng: () => 1 });
  const informer = factory.for(configMaps);
  const seen: string[] = [];
  informer.onChange((type, object) => void seen.push(`${type} ${object.metadata.name}`));
  factory.start(stop.signal);
  await settle();
  return { clock, factory, informer, seen };
}

const settle = async (): Promise<void> => {
  for (let i = 0; i < 5; i += 1) await turn();
};

describe('Informer', () => {
  it('fills, then follows', async () => {
    const client = new MemoryClient();
    await client.create(configMaps, aConfigMap('a'));
    const { factory, informer, seen } = await anInformer(client);
    await factory.whenSynced();
    expect(informer.hasSynced).toBe(true);
    const b = await client.create(configMaps, aConfigMap('b'));
    await client.update(configMaps, { ...b, data: { x: '1' } });
    await client.delete(configMaps, { namespace: 'default', name: 'a' });
    await settle();
    expect(seen).toEqual(['ADDED a', 'ADDED b', 'MODIFIED b', 'DELETED a']);
    expect(informer.get('default/b')?.data).toEqual({ x: '1' });
    expect(informer.get('default/a')).toBeUndefined();
  });

  it('resumes a watch that ended without telling anything twice', async () => {
    const client = new MemoryClient();
    await client.create(configMaps, aConfigMap('a'));
    const { clock, seen } = await anInformer(client);
    client.endWatches();
    await settle();
    await client.create(configMaps, aConfigMap('b'));
    await clock.advance(1000);
    await settle();
    expect(seen).toEqual(['ADDED a', 'ADDED b']);
  });

  it('starts over after 410 and reports what has gone', async () => {
    const client = new MemoryClient();
    await client.create(configMaps, aConfigMap('a'));
    await client.create(configMaps, aConfigMap('b'));
    const { clock, informer, seen } = await anInformer(client);
    client.endWatches();
    await settle();
    await client.delete(configMaps, { namespace: 'default', name: 'a' });
    await client.create(configMaps, aConfigMap('c'));
    client.compact();
    await clock.advance(5000);
    await settle();
    expect(seen).toEqual(['ADDED a', 'ADDED b', 'ADDED c', 'DELETED a']);
    expect(informer.list().map((o) => o.metadata.name)).toEqual(['b', 'c']);
  });

  it('lists where the server knows no initial events', async () => {
    const memory = new MemoryClient();
    await memory.create(configMaps, aConfigMap('a'));
    const watch = memory.watch.bind(memory);
    const client: ApiClient = Object.assign(memory, {
      watch: ((resource, options) => {
        if (options.sendInitialEvents) throw badRequest('sendInitialEvents is forbidden');
        return watch(resource, options);
      }) as ApiClient['watch'],
    });
    const { clock, informer } = await anInformer(client);
    await clock.advance(1000);
    await settle();
    expect(informer.hasSynced).toBe(true);
    await client.create(configMaps, aConfigMap('b'));
    await settle();
    expect(informer.list().map((o) => o.metadata.name)).toEqual(['a', 'b']);
  });

  it('keeps indexes, old and late, and replays to late listeners', async () => {
    const client = new MemoryClient();
    await client.create(configMaps, aConfigMap('a', { colour: 'red' }));
    const { factory, informer } = await anInformer(client);
    informer.addIndex('namespace', indexByNamespace);
    informer.addIndex('colour', (o) => (o.data?.['colour'] ? [o.data['colour']] : []));
    const a = informer.byIndex('colour', 'red')[0] as ConfigMap;
    await client.update(configMaps, { ...a, data: { colour: 'blue' } });
    await settle();
    expect(informer.byIndex('colour', 'red')).toEqual([]);
    expect(informer.byIndex('colour', 'blue')).toHaveLength(1);
    expect(informer.byIndex('namespace', 'default')).toHaveLength(1);
    const late: string[] = [];
    factory.for(configMaps).onChange((type) => void late.push(type));
    expect(late).toEqual(['ADDED']);
  });

  it('ends for a kind that goes, and starts anew for one that comes back', async () => {
    const client = new MemoryClient();
    const { factory, informer, seen } = await anInformer(client);
    factory.drop(configMaps);
    await client.create(configMaps, aConfigMap('a'));
    await settle();
    expect(seen).toEqual([]);
    const next = factory.for(configMaps);
    await settle();
    expect(next).not.toBe(informer);
    expect(next.list().map(({ metadata }) => metadata.name)).toEqual(['a']);
  });
});
