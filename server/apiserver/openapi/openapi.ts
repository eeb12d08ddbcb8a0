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

/** A custom kind in one of its versions, as clients should know it. Made anew whenever anything in it changes. */
export interface PublishedKind {
  readonly resource: Resource;
  /** What its definition calls `openAPIV3Schema`; without one, objects may have any fields. */
  readonly schema?: JsonSchema | undefined;
}

export interface OpenApiOptions {
  /** The kinds that are built in. */
  readonly resources: readonly Resource[];
  /** The custom kinds of the moment: the same list while nothing has changed, for it is asked for with every request. */
  readonly published?: () => readonly PublishedKind[];
  /** Kubernetes' version, as `/version` answers it. */
  readonly version: string;
  readonly descriptions?: Descriptions | undefined;
  readonly schema?: Schema;
}

/** `api/v1` or `apis/apps/v1`. */
export const documentKey = ({ group, version }: { group: string; version: string }): string =>
  group ? `apis/${group}/${version}` : `api/${version}`;

/** What one document is made of. */
interface Part {
  readonly etag: string;
  readonly resources: readonly Resource[];
  readonly published: readonly PublishedKind[];
}

const NOTHING: readonly PublishedKind[] = [];

/**
 * OpenAPI of the kinds that are served. Documents take a while to make and megabytes to hold, so that each is made
 * when first asked for and kept compressed; hashes come from what a document is made of.
 */
export function createOpenApi(options: OpenApiOptions): OpenApi {
  const { resources, version, descriptions = noDescriptions, schema = builtin } = options;
  const made = new Map<string, { readonly etag: string; readonly document: Promise<OpenApiDocument> }>();
  const built = Map.groupBy(resources, documentKey);
  const hashes = new WeakMap<PublishedKind, string>();
  let seen: readonly PublishedKind[] | undefined;
  let parts: ReadonlyMap<string, Part> = new Map();

  const hash = (...of: readonly unknown[]): string =>
    createHash('sha256').update(JSON.stringify(of)).digest('hex').toUpperCase();
  const hashOf = (kind: PublishedKind): string => {
    let known = hashes.get(kind);
    if (known === undefined) {
      known = hash(kind);
      hashes.set(kind, known);
    }
    return known;
  };
  const builtHashes = new Map([...built].map(([key, own]) => [key, hash(own)]));

  /** The documents there are, as the custom kinds of this moment make them. */
  const current = (): ReadonlyMap<string, Part> => {
    const published = options.published?.() ?? NOTHING;
    if (published === seen) return parts;
    const custom = Map.groupBy(published, ({ resource }) => documentKey(resource));
    const keys = [...new Set([...built.keys(), ...custom.keys()])].sort();
    parts = new Map(
      keys.map((key) => {
        const own = custom.get(key) ?? NOTHING;
        const etag = hash(FORM, version, descriptions.version, builtHashes.get(key), own.map(hashOf));
        return [key, { etag, resources: built.get(key) ?? [], published: own }];
      }),
    );
    for (const [key, { etag }] of made) if (parts.get(key)?.etag !== etag) made.delete(key);
    seen = published;
    return parts;
  };

  const make = async (part: Part): Promise<OpenApiDocument> => {
    const texts = await loadTexts(descriptions, schema);
    const collector = new SchemaCollector(schema, (id) => {
      const dot = id.indexOf('.');
      return texts.get(id.slice(0, dot))?.[id.slice(dot + 1)];
    });
    const custom = new Map(part.published.map((p) => [gvkOf(p.resource), p]));
    const object = (kind: { group: string; version: string; kind: string }): JsonSchema | undefined => {
      const message = schema.kind(kind);
      if (message) return collector.reference(message.id);
      const own = custom.get(gvkOf(kind));
      return own && addCustom(collector, own);
    };
    const paths: Record<string, unknown> = {};
    for (const resource of [...part.resources, ...part.published.map((p) => p.resource)])
      Object.assign(paths, resourcePaths(resource, { object }));
    return compressed(part.etag, {
      openapi: '3.0.0',
      info: { title: 'Kubernetes', version },
      paths,
      components: { schemas: collector.definitions },
    });
  };

  return {
    index: () => ({
      paths: Object.fromEntries(
        [...current()].map(([key, { etag }]) => [
          key,
          { serverRelativeURL: `/openapi/v3/${key}?hash=${etag}` },
        ]),
      ),
    }),
    document: async (key) => {
      const part = current().get(key);
      if (!part) return undefined;
      const known = made.get(key);
      if (known) return known.document;
      const document = make(part);
      const entry = { etag: part.etag, document };
      made.set(key, entry);
      document.catch(() => made.get(key) === entry && made.delete(key));
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

const gvkOf = ({ group, version, kind }: { group: string; version: string; kind: string }): string =>
  `${group}/${version}/${kind}`;

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

/** A custom kind with the metadata that every object has. */
function addCustom(collector: SchemaCollector, { resource, schema: own }: PublishedKind): JsonSchema {
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
