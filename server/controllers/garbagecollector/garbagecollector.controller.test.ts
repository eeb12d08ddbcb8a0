import { expect, it } from 'vitest';
import { configmaps } from '#proto/api/core/configmaps.ts';
import type { ConfigMap } from '#proto/schema/generated/core-v1.ts';
import { fixedKinds } from '#server/client/served-kinds.ts';
import { startHarness } from '#server/controllers/testing/harness.ts';
import { createGarbageCollector } from './garbagecollector.controller.ts';

const key = (name: string) => ({ namespace: 'default', name });

const collect = () => startHarness([(context) => createGarbageCollector(context, fixedKinds([configmaps]))]);

/** Maps of these names; each is owned by what `owners` says, and holds it up. */
async function make(client: Awaited<ReturnType<typeof collect>>['client'], owners: Record<string, string>) {
  const made = new Map<string, ConfigMap>();
  for (const name of Object.keys(owners))
    made.set(name, await client.create(configmaps, { metadata: key(name) }));
  for (const [name, owner] of Object.entries(owners)) {
    const uid = made.get(owner)?.metadata.uid ?? '';
    if (uid === '') continue;
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: owner, uid, blockOwnerDeletion: true };
    await client.patch(configmaps, key(name), 'merge', { metadata: { ownerReferences: [reference] } });
  }
}

it.each([
  ['a circle', { a: 'c', b: 'a', c: 'b' }],
  ['a line', { a: '', b: 'a', c: 'b' }],
])('foreground deletion ends in %s', async (_what, owners) => {
  const { client, clock, settle, stop } = await collect();
  await make(client, owners);
  await settle();
  await client.delete(configmaps, key('a'), { propagationPolicy: 'Foreground' });
  for (let i = 0; i < 20; i++) {
    await settle();
    await clock.advance(1000);
  }
  expect((await client.list(configmaps, { namespace: 'default' })).items.map((m) => m.metadata.name)).toEqual(
    [],
  );
  stop();
});

it('keeps what has another owner', async () => {
  const { client, settle, stop } = await collect();
  await make(client, { a: '', b: 'a', other: '' });
  const other = (await client.get(configmaps, key('other'))).metadata.uid ?? '';
  const b = await client.get(configmaps, key('b'));
  const ownerReferences = [
    ...(b.metadata.ownerReferences ?? []),
    { apiVersion: 'v1', kind: 'ConfigMap', name: 'other', uid: other },
  ];
  await client.update(configmaps, { ...b, metadata: { ...b.metadata, ownerReferences } });
  await settle();
  await client.delete(configmaps, key('a'), { propagationPolicy: 'Foreground' });
  await settle();
  const { items } = await client.list(configmaps, { namespace: 'default' });
  expect(items.map((m) => [m.metadata.name, m.metadata.ownerReferences?.map((o) => o.name)])).toEqual([
    ['b', ['other']],
    ['other', undefined],
  ]);
  stop();
});
