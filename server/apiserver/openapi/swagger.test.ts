import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { defineResource } from '#proto/api/define.ts';
import { resources } from '#proto/api/index.ts';
import { WireReader } from '#proto/meta/protobuf/wire.ts';
import { createOpenApi } from '#server/apiserver/openapi/openapi.ts';
import type { JsonSchema } from '#server/apiserver/openapi/schemas.ts';

const boats = defineResource({
  group: 'example.com',
  version: 'v1',
  plural: 'boats',
  kind: 'Boat',
  namespaced: true,
  selectableFields: { 'spec.name': () => '' },
});
const schema = {
  type: 'object',
  description: 'A boat.',
  properties: {
    spec: {
      type: 'object',
      required: ['name', 'sail'],
      properties: {
        name: { type: 'string', default: 'none', pattern: '^[a-z]+$' },
        sail: { type: 'object', nullable: true, properties: { area: { type: 'integer' } } },
        oars: { type: 'array', items: { type: 'string' }, minItems: 1 },
        cargo: {
          type: 'object',
          'x-kubernetes-preserve-unknown-fields': true,
          properties: { crates: { type: 'integer' } },
        },
        port: { 'x-kubernetes-int-or-string': true },
        crew: { type: 'object', 'x-kubernetes-embedded-resource': true },
        draft: { type: 'integer', oneOf: [{ minimum: 1 }, { maximum: -1 }] },
      },
    },
  },
};

interface Swagger {
  paths: Record<string, Record<string, { operationId?: string }>>;
  definitions: Record<string, JsonSchema & { properties: Record<string, Record<string, JsonSchema>> }>;
}

const openApi = createOpenApi({
  resources,
  published: () => [{ resource: boats, schema }],
  version: 'v1.36.0',
});
const json = async (): Promise<Swagger> =>
  JSON.parse(gunzipSync(await openApi.swagger().gzip('json')).toString('utf8')) as Swagger;

describe('openapi v2', () => {
  it('refers to nothing that it does not have, and says nothing that version 2 can not', async () => {
    const document = await json();
    const text = JSON.stringify(document);
    for (const [, name = ''] of text.matchAll(/"#\/definitions\/([^"]+)"/g))
      expect(document.definitions).toHaveProperty([name]);
    expect(text).not.toMatch(/components\/schemas/);
    const words = (value: unknown): string[] =>
      typeof value !== 'object' || value === null
        ? []
        : Object.entries(value).flatMap(([key, inner]) => [
            ...(Array.isArray(value) || 'properties' in value ? [] : [key]),
            ...words(inner),
          ]);
    expect(words(document.definitions['com.example.v1.Boat'])).not.toContain('oneOf');
  });

  it('has every operation once', async () => {
    const { paths } = await json();
    const ids = Object.values(paths).flatMap((path) =>
      Object.values(path).flatMap(({ operationId }) => operationId ?? []),
    );
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(
      expect.arrayContaining([
        'listCoreV1PodForAllNamespaces',
        'deleteCoreV1CollectionNamespacedPod',
        'connectCoreV1GetNamespacedPodExec',
        'connectCoreV1DeleteNodeProxyWithPath',
        'replaceAppsV1NamespacedDeploymentScale',
        'createRbacAuthorizationV1ClusterRole',
        'readExampleComV1NamespacedBoat',
      ]),
    );
  });

  it('drops from custom kinds what would make kubectl refuse good objects', async () => {
    const { definitions } = await json();
    const boat = definitions['com.example.v1.Boat'];
    expect(boat).toMatchObject({
      description: 'A boat.',
      'x-kubernetes-group-version-kind': [{ group: 'example.com', kind: 'Boat', version: 'v1' }],
      'x-kubernetes-selectable-fields': [{ fieldPath: 'spec.name' }],
    });
    const spec = boat?.properties['spec'];
    expect(spec?.['required']).toEqual(['name']);
    expect(spec?.['properties']).toMatchObject({
      name: { type: 'string', pattern: '^[a-z]+$' },
      sail: {},
      oars: { type: 'array', items: { type: 'string' }, minItems: 1 },
      cargo: { 'x-kubernetes-preserve-unknown-fields': true },
      port: { 'x-kubernetes-int-or-string': true },
      crew: { required: ['kind', 'apiVersion'] },
      draft: { type: 'integer' },
    });
    expect(spec?.['properties']?.['sail']).toEqual({});
    expect(spec?.['properties']?.['cargo']).toEqual({ 'x-kubernetes-preserve-unknown-fields': true });
    expect(definitions['com.example.v1.BoatList']?.['required']).toEqual(['items']);
  });

  it('is the same as protobuf', async () => {
    const bytes = gunzipSync(await openApi.swagger().gzip('protobuf'));
    const { definitions, paths } = await json();
    const names: Record<number, string[]> = { 8: [], 9: [] };
    const document = new WireReader(bytes);
    while (!document.done) {
      const { number, wire } = document.tag();
      if (number !== 8 && number !== 9) {
        document.skip(wire);
        continue;
      }
      const list = document.delimited();
      while (!list.done) {
        list.tag();
        const entry = list.delimited();
        entry.tag();
        names[number]?.push(entry.string());
      }
    }
    expect(names[8]).toEqual(Object.keys(paths));
    expect(names[9]).toEqual(Object.keys(definitions));
  });
});
