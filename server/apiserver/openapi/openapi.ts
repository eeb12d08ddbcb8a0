import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Resource } from '#proto/api/resource.ts';
import type { Schema } from '#proto/schema/schema.ts';
import { schema as builtin } from '#proto/schema/schema.ts';
import {
  type Descriptions,
  noDescriptions,
  type PackageDescriptions,
} from '#server/apiserver/openapi/descriptions.ts';
import { resourcePaths } from '#server/apiserver/openapi/paths.ts';
import { type JsonSchema, SchemaCollector } from '#server/apiserver/openapi/schemas.ts';

/** A document as it is kept and sent: compressed. */
export interface OpenApiDocument {
  /** Without quotes; also the `hash` of its URL in the index. */
  readonly etag: string;
  readonly gzip: Uint8Array;
}

export interface OpenApiIndex {
  readonly paths: Readonly<Record<string, { readonly serverRelativeURL: string }>>;
}

export interface OpenApi {
  /** `GET /openapi/v3`: where each group version's document is. Costs no document. */
  index(): OpenApiIndex;
  /** `GET /openapi/v3/<key>`, the key as in the index: `api/v1`, `apis/apps/v1`. Made on first use, then kept. */
  document(key: string): Promise<OpenApiDocument | undefined>;
  /** `GET /openapi/v2`, as JSON: that this is Kubernetes; clients of this century read version 3. */
  legacy(): Promise<OpenApiDocument>;
}

export interface OpenApiOptions {
  readonly resources: readonly Resource[];
  /** Kubernetes' version, as `/version` answers it. */
  readonly version: string;
  readonly descriptions?: Descriptions | undefined;
  /** The schema of a custom kind; kinds without one may have any fields. */
  readonly customSchema?: (resource: Resource) => JsonSchema | undefined;
  readonly schema?: Schema;
}

/** `api/v1` or `apis/apps/v1`. */
export const documentKey = ({ group, version }: { group: string; version: string }): string =>
  group ? `apis/${group}/${version}` : `api/${version}`;

/**
 * OpenAPI of these resources. Documents take a while to make and megabytes to hold, so that each is made when
 * first asked for and kept compressed; hashes come from what a document is made of.
 */
export function createOpenApi(options: OpenApiOptions): OpenApi {
  const { resources, version, descriptions = noDescriptions, customSchema, schema = builtin } = options;
  const keys = [...new Set(resources.map(documentKey))].sort();
  const made = new Map<string, Promise<OpenApiDocument>>();
  const own = (key: string): Resource[] => resources.filter((r) => documentKey(r) === key);

  const hash = (key: string): string =>
    createHash('sha256')
      .update(
        JSON.stringify([
          FORM,
          version,
          descriptions.version,
          own(key),
          own(key).map((r) => customSchema?.(r)),
        ]),
      )
      .digest('hex')
      .toUpperCase();

  const etags = new Map(keys.map((key) => [key, hash(key)]));
  const etagOf = (key: string): string => etags.get(key) ?? '';

  const make = async (key: string): Promise<OpenApiDocument> => {
    const texts = await loadTexts(descriptions, schema);
    const collector = new SchemaCollector(schema, (id) => {
      const dot = id.indexOf('.');
      return texts.get(id.slice(0, dot))?.[id.slice(dot + 1)];
    });
    const custom = new Map(own(key).map((r) => [`${r.group}/${r.version}/${r.kind}`, r]));
    const object = (kind: { group: string; version: string; kind: string }): JsonSchema | undefined => {
      const message = schema.kind(kind);
      if (message) return collector.reference(message.id);
      const resource = custom.get(`${kind.group}/${kind.version}/${kind.kind}`);
      return resource && addCustom(collector, resource, customSchema?.(resource));
    };
    const paths: Record<string, unknown> = {};
    for (const resource of own(key)) Object.assign(paths, resourcePaths(resource, { object }));
    return compressed(etagOf(key), {
      openapi: '3.0.0',
      info: { title: 'Kubernetes', version },
      paths,
      components: { schemas: collector.definitions },
    });
  };

  return {
    index: () => ({
      paths: Object.fromEntries(
        keys.map((key) => [key, { serverRelativeURL: `/openapi/v3/${key}?hash=${etagOf(key)}` }]),
      ),
    }),
    document: async (key) => {
      if (!keys.includes(key)) return undefined;
      let document = made.get(key);
      if (!document) {
        document = make(key);
        made.set(key, document);
        document.catch(() => made.delete(key));
      }
      return document;
    },
    legacy: () =>
      compressed(createHash('sha256').update(version).digest('hex').toUpperCase(), {
        swagger: '2.0',
        info: { title: 'Kubernetes', version },
        paths: {},
        definitions: {},
      }),
  };
}

/** Changes when documents of the same facts come out differently. */
const FORM = 1;

async function compressed(etag: string, document: unknown): Promise<OpenApiDocument> {
  return { etag, gzip: await promisify(gzip)(JSON.stringify(document), { level: 6 }) };
}

/** The texts of all packages while one document is made: most of them lie in core and meta anyway. */
async function loadTexts(
  descriptions: Descriptions,
  schema: Schema,
): Promise<Map<string, PackageDescriptions>> {
  const texts = new Map<string, PackageDescriptions>();
  if (descriptions.version !== '')
    for (const id of schema.packageIds()) texts.set(id, await descriptions.of(id));
  return texts;
}

/** A custom kind as upstream publishes it, with the metadata that every object has. */
function addCustom(collector: SchemaCollector, resource: Resource, own: JsonSchema | undefined): JsonSchema {
  const { group, version, kind } = resource;
  const text = { type: 'string' };
  const given = (own?.['properties'] ?? {}) as Record<string, JsonSchema>;
  return collector.add([...group.split('.').reverse(), version, kind].join('.'), {
    type: 'object',
    ...(own ?? { 'x-kubernetes-preserve-unknown-fields': true }),
    properties: {
      ...given,
      apiVersion: text,
      kind: text,
      metadata: collector.reference('meta/v1.ObjectMeta'),
    },
    'x-kubernetes-group-version-kind': [{ group, kind, version }],
  });
}
