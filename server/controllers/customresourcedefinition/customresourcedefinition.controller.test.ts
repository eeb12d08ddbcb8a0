import { afterEach, expect, test } from 'vitest';
import { customresourcedefinitions } from '#proto/api/apiextensions/customresourcedefinitions.ts';
import type { Resource } from '#proto/api/resource.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { CustomResourceDefinition } from '#proto/schema/generated/apiextensions-v1.ts';
import { aDefinition } from '#server/apiserver/customresources/testing.ts';
import { type Harness, startHarness } from '#server/controllers/testing/harness.ts';
import { createCustomResourceDefinitionController } from './customresourcedefinition.controller.ts';

const widgets: Resource = {
  group: 'example.com',
  version: 'v1',
  plural: 'widgets',
  singular: 'widget',
  kind: 'Widget',
  namespaced: true,
  verbs: ['list', 'delete'],
};
const CLEANUP = 'customresourcecleanup.apiextensions.k8s.io';

let harness: Harness | undefined;
afterEach(() => harness?.stop());

async function start() {
  const running = await startHarness([createCustomResourceDefinitionController]);
  harness = running;
  const { client } = running;
  const create = (plural: string) => {
    const definition = aDefinition();
    definition.metadata = { name: `${plural}.example.com`, finalizers: [CLEANUP] };
    definition.spec.names = { ...definition.spec.names, plural };
    return client.create<CustomResourceDefinition>(customresourcedefinitions, definition);
  };
  const conditions = async (plural: string): Promise<string[]> => {
    const { status } = await client.get(customresourcedefinitions, { name: `${plural}.example.com` });
    return (status?.conditions ?? []).map(({ type, reason }) => `${type} ${reason}`);
  };
  return { ...running, create, conditions };
}

test('serves a kind, and the next of its name once that is free', async () => {
  const { client, settle, create, conditions } = await start();
  await create('widgets');
  await settle();
  expect(await conditions('widgets')).toEqual([
    'NamesAccepted NoConflicts',
    'Established InitialNamesAccepted',
  ]);
  await create('gadgets');
  await settle();
  expect(await conditions('gadgets')).toEqual(['NamesAccepted ListKindConflict', 'Established NotAccepted']);
  await client.delete(customresourcedefinitions, { name: 'widgets.example.com' });
  await settle();
  expect(await conditions('gadgets')).toEqual([
    'NamesAccepted NoConflicts',
    'Established InitialNamesAccepted',
  ]);
});

test('lets a definition go after the last of its objects', async () => {
  const { client, clock, settle, create, conditions } = await start();
  await create('widgets');
  await settle();
  const place = { namespace: 'ns', name: 'held' };
  await client.create(widgets, { metadata: { ...place, finalizers: ['example.com/hold'] } });
  await client.create(widgets, { metadata: { namespace: 'ns', name: 'free' } });
  await client.delete(customresourcedefinitions, { name: 'widgets.example.com' });
  await settle();
  expect(await conditions('widgets')).toContain('Terminating InstanceDeletionInProgress');
  expect((await client.list(widgets)).items.map(({ metadata }) => metadata.name)).toEqual(['held']);
  await client.patch(widgets, place, 'merge', { metadata: { finalizers: null } });
  clock.advance(1000);
  await settle();
  await expect(client.get(customresourcedefinitions, { name: 'widgets.example.com' })).rejects.toSatisfy(
    isNotFound,
  );
});
