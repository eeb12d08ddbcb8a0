import { describe, expect, test } from 'vitest';
import { customresourcedefinitions } from '#proto/api/apiextensions/customresourcedefinitions.ts';
import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { CustomResourceDefinition } from '#proto/schema/generated/apiextensions-v1.ts';
import { aDefinition, install, stored } from '#server/apiserver/customresources/testing.ts';
import type { Api } from '#server/apiserver/rest/api.ts';
import { createObject } from '#server/apiserver/rest/create.ts';
import { deleteObject } from '#server/apiserver/rest/delete.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { listEntries } from '#server/apiserver/rest/list.ts';
import { patchObject } from '#server/apiserver/rest/patch.ts';
import { changeObject, replaceObject } from '#server/apiserver/rest/update.ts';
import { openWatch } from '#server/apiserver/rest/watch.ts';
import { changeScale, getScale } from '#server/apiserver/subresources/scale.ts';
import { aCall, testApi } from '#server/apiserver/testing/test-api.ts';

type Widget = KubeObject & { spec?: Record<string, unknown>; status?: Record<string, unknown> };

const SPEC = { type: 'object', properties: { size: { type: 'integer', default: 3 } } };

const aWidget = (spec: Record<string, unknown> = {}, status?: Record<string, unknown>): Widget => ({
  metadata: { name: 'w' },
  spec,
  ...(status ? { status } : {}),
});

const create = async (api: Api, resource: Resource, widget: Widget): Promise<Widget> =>
  objectOf(await createObject(api, aCall(resource), widget)) as Widget;

const list = async (api: Api, resource: Resource): Promise<Widget[]> =>
  (await listEntries(api, resource, 'default', {})).entries.map((entry) => objectOf(entry) as Widget);

const redefine = (api: Api, change: (definition: CustomResourceDefinition) => void) =>
  changeObject(api, aCall(customresourcedefinitions, 'widgets.example.com'), (old) => {
    const next = structuredClone(old) as CustomResourceDefinition;
    change(next);
    return next;
  });

describe('a custom kind', () => {
  test('is served once it is established, and no longer than its definition', async () => {
    const api = testApi();
    expect(api.resources.find('example.com', 'v1', 'widgets')).toBeUndefined();
    await install(api, aDefinition());
    expect(api.resources.find('example.com', 'v1', 'widgets')?.kind).toBe('Widget');
    await deleteObject(api, aCall(customresourcedefinitions, 'widgets.example.com'), {});
    expect(api.resources.find('example.com', 'v1', 'widgets')).toBeUndefined();
  });

  test('counts generations of all but metadata, and of the status where that has no endpoint', async () => {
    const api = testApi();
    const [plain] = (await install(api, aDefinition([{ props: PRESERVE }]))) as [Resource];
    const made = await create(api, plain, aWidget({ size: 1 }, { ready: true }));
    expect([made.metadata.generation, made.status]).toEqual([1, { ready: true }]);
    const next = structuredClone(made);
    next.status = { ready: false };
    const { entry } = await replaceObject(api, aCall(plain, 'w'), next);
    expect(objectOf(entry).metadata.generation).toBe(2);
  });

  test('is not replaced blindly, and not made by a replacement', async () => {
    const api = testApi();
    const [resource] = (await install(api, aDefinition())) as [Resource];
    const replace = () => replaceObject(api, aCall(resource, 'w'), aWidget() as Widget);
    await expect(replace()).rejects.toMatchObject({ reason: 'NotFound' });
    await create(api, resource, aWidget());
    await expect(replace()).rejects.toMatchObject({ reason: 'Invalid' });
  });

  test('a status endpoint takes the status alone, and nobody else may write it', async () => {
    const api = testApi();
    const version = { props: PRESERVE, subresources: { status: {} } };
    const [resource] = (await install(api, aDefinition([version]))) as [Resource];
    const made = await create(api, resource, aWidget({ size: 1 }, { ready: true }));
    expect(made.status).toBeUndefined();
    const next = structuredClone(made);
    Object.assign(next, { spec: { size: 9 }, status: { ready: true } });
    next.metadata.labels = { a: 'b' };
    const { entry } = await replaceObject(api, aCall(resource, 'w', { subresource: 'status' }), next);
    const after = objectOf(entry) as Widget;
    expect([after.spec, after.status, after.metadata.labels]).toEqual([
      { size: 1 },
      { ready: true },
      undefined,
    ]);
    expect(after.metadata.generation).toBe(1);
  });

  test('reads what is stored as its schema is now', async () => {
    const api = testApi();
    const [resource] = (await install(api, aDefinition([{ props: PRESERVE }]))) as [Resource];
    await create(api, resource, aWidget({ old: true }));
    await redefine(api, (definition) => {
      definition.spec.versions[0] = {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', properties: { spec: SPEC } } },
      };
    });
    expect((await list(api, resource))[0]?.spec).toEqual({ size: 3 });
    expect(stored(api, 'widgets.example.com/default/w')?.['spec']).toEqual({ old: true });
  });

  test('is one object in all versions, stored in one of them', async () => {
    const api = testApi();
    const props = { properties: { spec: SPEC } };
    const [v2, v1] = (await install(
      api,
      aDefinition([
        { name: 'v1', storage: false, props },
        {
          name: 'v2',
          storage: true,
          props: { properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } } },
        },
      ]),
    )) as [Resource, Resource];
    const made = await create(api, v1, aWidget());
    expect([made.apiVersion, made.spec]).toEqual(['example.com/v1', { size: 3 }]);
    expect(stored(api, 'widgets.example.com/default/w')?.['apiVersion']).toBe('example.com/v2');
    expect((await list(api, v2))[0]?.apiVersion).toBe('example.com/v2');
    const patch = {
      type: 'merge',
      patch: { spec: { size: 5 } },
      validation: 'Strict',
      force: false,
    } as const;
    const { entry } = await patchObject(api, aCall(v1, 'w'), patch);
    const patched = JSON.parse(new TextDecoder().decode(entry.bytes)) as Widget;
    expect([patched.apiVersion, patched.spec, patched.metadata.resourceVersion]).toEqual([
      'example.com/v1',
      { size: 5 },
      String(api.store.revision),
    ]);
  });

  test('watches end when what is said of the kind changes, and not when its conditions do', async () => {
    const api = testApi();
    const [resource] = (await install(api, aDefinition())) as [Resource];
    let ended = 0;
    openWatch(api, resource, 'default', {}, { event: () => {}, bookmark: () => {}, end: () => void ended++ });
    await changeObject(
      api,
      aCall(customresourcedefinitions, 'widgets.example.com', { subresource: 'status' }),
      (old) => {
        const next = structuredClone(old) as CustomResourceDefinition;
        next.status?.conditions.push({ type: 'Other', status: 'True' });
        return next;
      },
    );
    expect(ended).toBe(0);
    await redefine(api, (definition) => {
      definition.spec.names.shortNames = ['wd'];
    });
    expect(ended).toBe(1);
  });
});

describe('the scale of a custom kind', () => {
  const SCALE = {
    specReplicasPath: '.spec.size',
    statusReplicasPath: '.status.size',
    labelSelectorPath: '.status.selector',
  };

  test('is read and written by the paths of its definition', async () => {
    const api = testApi();
    const version = { props: PRESERVE, subresources: { status: {}, scale: SCALE } };
    const [resource] = (await install(api, aDefinition([version]))) as [Resource];
    await create(api, resource, aWidget({ size: 1 }));
    const call = aCall(resource, 'w', { subresource: 'scale' });
    expect((await getScale(api, call)).spec).toEqual({ replicas: 1 });
    const scaled = await changeScale(api, call, (old) => ({ ...old, spec: { replicas: 4 } }));
    expect([scaled.spec, scaled.status]).toEqual([{ replicas: 4 }, { replicas: 0, selector: '' }]);
    expect((await list(api, resource))[0]).toMatchObject({ spec: { size: 4 }, metadata: { generation: 2 } });
  });

  test('has to be said before it can be read', async () => {
    const api = testApi();
    const [resource] = (await install(
      api,
      aDefinition([{ props: PRESERVE, subresources: { scale: SCALE } }]),
    )) as [Resource];
    await create(api, resource, aWidget());
    const call = aCall(resource, 'w', { subresource: 'scale' });
    await expect(getScale(api, call)).rejects.toMatchObject({ code: 500 });
    await expect(changeScale(api, call, (old) => old)).rejects.toMatchObject({
      code: 400,
      message: 'the spec replicas field ".spec.size" cannot be empty',
    });
  });
});

const PRESERVE = { 'x-kubernetes-preserve-unknown-fields': true };
