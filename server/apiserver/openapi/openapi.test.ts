import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { defineResource, scale, statusOf } from '#proto/api/define.ts';
import { schema } from '#proto/schema/schema.ts';
import { buildDescriptions } from '#server/apiserver/openapi/build-descriptions.ts';
import type { PublishedKind } from '#server/apiserver/openapi/custom-kind.ts';
import { openDescriptions } from '#server/apiserver/openapi/descriptions.ts';
import { createOpenApi, type OpenApi } from '#server/apiserver/openapi/openapi.ts';

const deployments = defineResource({
  group: 'apps',
  version: 'v1',
  plural: 'deployments',
  kind: 'Deployment',
  namespaced: true,
  subresources: [statusOf('Deployment'), scale],
});
const nodes = defineResource({ group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false });
const boats = defineResource({
  group: 'example.com',
  version: 'v1',
  plural: 'boats',
  kind: 'Boat',
  namespaced: true,
});
const resources = [deployments, nodes];
const published = [{ resource: boats }];

interface Document {
  paths: Record<string, Record<string, Record<string, unknown>>>;
  components: {
    schemas: Record<
      string,
      { description?: string; properties?: Record<string, object>; required?: string[] }
    >;
  };
}

async function read(openApi: OpenApi, key: string): Promise<Document> {
  const document = openApi.document(key);
  if (!document) throw new Error(`no ${key}`);
  return JSON.parse(gunzipSync(await document.gzip('json')).toString('utf8')) as Document;
}

describe('openapi v3', () => {
  const openApi = createOpenApi({ resources, published: () => published, version: 'v1.36.0' });

  it('has one document a group version, by its hash', async () => {
    const { paths } = openApi.index();
    expect(Object.keys(paths)).toEqual(['api/v1', 'apis/apps/v1', 'apis/example.com/v1']);
    const document = openApi.document('apis/apps/v1');
    expect(paths['apis/apps/v1']?.serverRelativeURL).toBe(`/openapi/v3/apis/apps/v1?hash=${document?.etag}`);
    expect(await openApi.document('apis/apps/v1')?.gzip('json')).toBe(await document?.gzip('json'));
    expect(openApi.document('apis/nope/v1')).toBeUndefined();
  });

  it('carries what apply and validation read', async () => {
    const { paths, components } = await read(openApi, 'apis/apps/v1');
    const patch = paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}']?.['patch'];
    expect(patch).toMatchObject({
      operationId: 'patchAppsV1NamespacedDeployment',
      'x-kubernetes-group-version-kind': { group: 'apps', version: 'v1', kind: 'Deployment' },
      parameters: expect.arrayContaining([
        { in: 'query', name: 'fieldValidation', schema: { type: 'string', uniqueItems: true } },
      ]),
    });
    expect(Object.keys(paths)).toContain('/apis/apps/v1/deployments');
    expect(paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale']?.['put']).toMatchObject({
      'x-kubernetes-group-version-kind': { group: 'autoscaling', version: 'v1', kind: 'Scale' },
    });
    expect(components.schemas['io.k8s.api.core.v1.PodSpec']?.properties?.['containers']).toEqual({
      type: 'array',
      items: { $ref: '#/components/schemas/io.k8s.api.core.v1.Container' },
      'x-kubernetes-patch-strategy': 'merge',
      'x-kubernetes-patch-merge-key': 'name',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    });
    expect(components.schemas['io.k8s.api.core.v1.PodSpec']?.required).toEqual(['containers']);
    expect(components.schemas['io.k8s.api.apps.v1.Deployment']).toMatchObject({
      'x-kubernetes-group-version-kind': [{ group: 'apps', kind: 'Deployment', version: 'v1' }],
    });
  });

  it('refers to nothing that it does not have', async () => {
    for (const key of Object.keys(openApi.index().paths)) {
      const document = await read(openApi, key);
      const names = JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g);
      for (const [, name = ''] of names) expect(document.components.schemas).toHaveProperty([name]);
    }
  });

  it('publishes custom kinds', async () => {
    const { components } = await read(openApi, 'apis/example.com/v1');
    expect(components.schemas['com.example.v1.Boat']).toMatchObject({
      type: 'object',
      'x-kubernetes-group-version-kind': [{ group: 'example.com', kind: 'Boat', version: 'v1' }],
    });
  });

  it('makes anew what a custom kind changes, and nothing else', async () => {
    let kinds: PublishedKind[] = [{ resource: boats }];
    const changing = createOpenApi({ resources, published: () => kinds, version: 'v1.36.0' });
    const before = { ...changing.index().paths };
    const apps = changing.document('apis/apps/v1');
    const schema = { type: 'object', properties: { spec: { type: 'object' } } };
    kinds = [{ resource: boats, schema }];
    const { paths } = changing.index();
    expect(paths['apis/apps/v1']).toEqual(before['apis/apps/v1']);
    expect(paths['apis/example.com/v1']).not.toEqual(before['apis/example.com/v1']);
    expect(changing.document('apis/apps/v1')?.etag).toBe(apps?.etag);
    const { components } = await read(changing, 'apis/example.com/v1');
    expect(components.schemas['com.example.v1.Boat']?.properties).toMatchObject(schema.properties);
    kinds = [];
    expect(Object.keys(changing.index().paths)).toEqual(['api/v1', 'apis/apps/v1']);
    expect(changing.document('apis/example.com/v1')).toBeUndefined();
  });

  it('takes the texts of explain from the folder that the build makes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'coracle-openapi-'));
    try {
      await buildDescriptions(folder, schema.packageIds());
      const described = createOpenApi({
        resources,
        published: () => published,
        version: 'v1.36.0',
        descriptions: await openDescriptions(folder),
      });
      expect(described.index()).not.toEqual(openApi.index());
      const { components } = await read(described, 'apis/apps/v1');
      expect(components.schemas['io.k8s.api.core.v1.PodSpec']?.description).toBe(
        'PodSpec is a description of a pod.',
      );
      const without = Object.entries(components.schemas).filter(
        ([name, s]) => /\.api\./.test(name) && !s.description,
      );
      expect(without.map(([name]) => name).filter((name) => !/Quantity|IntOrString/.test(name))).toEqual([]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
