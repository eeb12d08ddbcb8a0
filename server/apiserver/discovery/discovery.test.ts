import { expect, test } from 'vitest';
import { resources } from '#proto/api/index.ts';
import {
  aggregatedDiscovery,
  groupDocument,
  groupList,
  resourceList,
} from '#server/apiserver/discovery/discovery.ts';

interface Aggregated {
  items: {
    metadata: { name?: string };
    versions: { version: string; resources: { resource: string }[] }[];
  }[];
}

test('aggregated discovery has every kind once, newest version first', () => {
  const core = aggregatedDiscovery(resources, true, 'v2') as Aggregated;
  const groups = aggregatedDiscovery(resources, false, 'v2') as Aggregated;
  const count = [...core.items, ...groups.items].flatMap((g) =>
    g.versions.flatMap((v) => v.resources),
  ).length;
  expect(count).toBe(resources.length);
  const autoscaling = groups.items.find((g) => g.metadata.name === 'autoscaling');
  expect(autoscaling?.versions.map((v) => v.version)).toEqual(['v2', 'v1']);
});

test('the plain lists name subresources with the kind of their bodies', () => {
  const list = resourceList(resources, 'apps', 'v1') as { resources: { name: string }[] };
  expect(list.resources.find((r) => r.name === 'deployments/scale')).toMatchObject({
    kind: 'Scale',
    group: 'autoscaling',
    version: 'v1',
  });
  expect(list.resources.find((r) => r.name === 'deployments')).toMatchObject({
    storageVersionHash: '8aSe+NMegvE=',
  });
  expect(resourceList(resources, 'apps', 'v9')).toBeUndefined();
  expect(groupDocument(resources, 'autoscaling')).toMatchObject({
    preferredVersion: { groupVersion: 'autoscaling/v2', version: 'v2' },
  });
  expect(groupDocument(resources, '')).toBeUndefined();
  expect((groupList(resources) as { groups: { name: string }[] }).groups[0]?.name).toBe(
    'apiregistration.k8s.io',
  );
});
