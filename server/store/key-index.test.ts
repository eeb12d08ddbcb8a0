import { expect, it } from 'vitest';
import { deployments } from '#proto/api/apps/deployments.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { services } from '#proto/api/core/services.ts';
import { prefixOf, storageKey } from '#server/apiserver/rest/keys.ts';
import { bucketOf, isBucketed, KeyIndex } from '#server/store/key-index.ts';

it('has one bucket for each resource, in the form that keys really have', () => {
  const keys = [
    storageKey(nodes, undefined, 'a'),
    storageKey(nodes, undefined, 'b'),
    storageKey(services, 'default', 'web'),
    storageKey(services, 'kube-system', 'dns'),
    storageKey(deployments, 'default', 'web'),
  ];
  expect([...new Set(keys.map(bucketOf))]).toEqual(['nodes/', 'services/', 'deployments.apps/']);
  for (const prefix of [prefixOf(nodes), prefixOf(services), prefixOf(services, 'default')])
    expect(isBucketed(prefix), prefix).toBe(true);
  expect(isBucketed('')).toBe(false);
});

it('gives the keys under any prefix in order', () => {
  const index = new KeyIndex<number>();
  const keys = ['b/y/2', 'a/x/1', 'a.c/x/1', 'b/y/1', 'a/x/2', 'b/z/1', 'lonely'];
  for (const [i, key] of keys.entries()) index.set(key, i);
  for (const prefix of ['', 'a', 'a/', 'a/x/', 'b/', 'b/y/', 'b/z/1', 'c/', 'lonely'])
    expect(index.keys(prefix), prefix).toEqual(keys.filter((key) => key.startsWith(prefix)).sort());
  index.delete('b/z/1');
  expect(index.keys('b/')).toEqual(['b/y/1', 'b/y/2']);
});
