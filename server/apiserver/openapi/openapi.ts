import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Resource } from '#proto/api/resource.ts';
import type { GroupVersionKind, Schema } from '#proto/schema/schema.ts';
import { schema as builtin } from '#proto/schema/schema.ts';
import { BriefCache } from '#server/apiserver/openapi/brief-cache.ts';
import { addCustomKind, type PublishedKind } from '#server/apiserver/openapi/custom-kind.ts';
import {
  type Descriptions,
  noDescriptions,
  type PackageDescriptions,
} from '#server/apiserver/openapi/descriptions.ts';
import { operationsOf } from '#server/apiserver/openapi/operations.ts';
import { type PathSchemas, pathsV2, pathsV3 } from '#server/apiserver/openapi/paths.ts';
import { type Dialect, SchemaCollector } from '#server/apiserver/openapi/schemas.ts';

/** What there is to get, without the cost of making it. */
export interface OpenApiOffer {
  /** Without quotes; also the `hash` of its URL in the index. */
  readonly etag: string;
  /** The document, compressed. Kept for a minute after it was last asked for. */
  gzip(form: OpenApiForm): Promise<Uint8Array>;
}

export type OpenApiForm = 'json' | 'protobuf';

export interface OpenApiIndex {
  readonly paths: Readonly<Record<string, { readonly serverRelativeURL: string }>>;
}

export interface OpenApi {
  /** `GET /openapi/v3`: where each group version's document is. Costs no document. */
  index(): OpenApiIndex;
  /** `GET /openapi/v3/<key>`, the key as in the index: `api/v1`, `apis/apps/v1`. */
  document(key: string): OpenApiOffer | undefined;
  /** `GET /openapi/v2`: all group versions in one document, which alone there is as protobuf. */
  swagger(): OpenApiOffer;
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

/** Clients fetch documents in bursts, and keep them for long: a document of megabytes is not worth its memory for longer. */
const KEEP_MS = 60_000;

/**
 * OpenAPI of the kinds that are served. Documents take a while to make and megabytes to hold, so that each is made
 * when it is asked for and soon forgotten; hashes come from what a document is made of.
 */
export function createOpenApi(options: OpenApiOptions): OpenApi {
  const { resources, version, descriptions = noDescriptions, schema = builtin } = options;
  const made = new BriefCache<Uint8Array>(KEEP_MS);
  const built = Map.groupBy(resources, documentKey);
  const builtHashes = new Map([...built].map(([key, own]) => [key, hash(own)]));
  const hashes = new WeakMap<PublishedKind, string>();
  let seen: readonly PublishedKind[] | undefined;
  let parts: ReadonlyMap<string, Part> = new Map();
  let whole: Part = { etag: '', resources, published: NOTHING };

  const hashOf = (kind: PublishedKind): string => {
    let known = hashes.get(kind);
    if (known === undefined) {
      const { resource, schema: own } = kind;
      known = hash(resource, Object.keys(resource.selectableFields ?? {}), own);
      hashes.set(kind, known);
    }
    return known;
  };

  /** Looks whether the custom kinds of this moment are still those that the parts were made of. */
  const refresh = (): void => {
    const published = options.published?.() ?? NOTHING;
    if (published === seen) return;
    const custom = Map.groupBy(published, ({ resource }) => documentKey(resource));
    const keys = [...new Set([...built.keys(), ...custom.keys()])].sort();
    parts = new Map(
      keys.map((key) => {
        const own = custom.get(key) ?? NOTHING;
        const etag = hash(FORM, version, descriptions.version, builtHashes.get(key), own.map(hashOf));
        return [key, { etag, resources: built.get(key) ?? [], published: own }];
      }),
    );
    const etag = hash([...parts].map(([key, part]) => [key, part.etag]));
    whole = { etag, resources, published };
    seen = published;
  };

  const write = async (part: Part, dialect: Dialect): Promise<object> => {
    const texts = await loadTexts(descriptions, schema);
    const collector = new SchemaCollector(
      schema,
      (id) => {
        const dot = id.indexOf('.');
        return texts.get(id.slice(0, dot))?.[id.slice(dot + 1)];
      },
      dialect,
    );
    const paths = writePaths(part, schema, collector);
    const info = { title: 'Kubernetes', version };
    const schemas = sortedByKey(collector.definitions);
    return dialect === 'v2'
      ? { swagger: '2.0', info, paths, definitions: schemas }
      : { openapi: '3.0.0', info, paths, components: { schemas } };
  };

  const offer = (part: Part, dialect: Dialect, name: string): OpenApiOffer => ({
    etag: part.etag,
    gzip: (form) =>
      made.get(`${name} ${part.etag} ${form}`, async () => {
        const document = await write(part, dialect);
        const bytes =
          form === 'json' ? JSON.stringify(document) : (await protobuf()).encodeOpenApiV2({ ...document });
        return promisify(gzip)(bytes, { level: 6 });
      }),
  });

  return {
    index: () => {
      refresh();
      return {
        paths: Object.fromEntries(
          [...parts].map(([key, { etag }]) => [
            key,
            { serverRelativeURL: `/openapi/v3/${key}?hash=${etag}` },
          ]),
        ),
      };
    },
    document: (key) => {
      refresh();
      const part = parts.get(key);
      return part && offer(part, 'v3', key);
    },
    swagger: () => {
      refresh();
      return offer(whole, 'v2', 'v2');
    },
  };
}

/** Only old clients ask for it. */
const protobuf = () => import('#server/apiserver/openapi/protobuf-v2.ts');

/** Changes when documents of the same facts come out differently. */
const FORM = 2;

const hash = (...of: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(of)).digest('hex').toUpperCase();

const gvkOf = ({ group, version, kind }: GroupVersionKind): string => `${group}/${version}/${kind}`;

function writePaths(part: Part, schema: Schema, collector: SchemaCollector): Record<string, unknown> {
  const custom = new Map(
    part.published.flatMap((kind) => {
      const { resource } = kind;
      const list = resource.listKind ?? `${resource.kind}List`;
      return [resource.kind, list].map((name) => [gvkOf({ ...resource, kind: name }), kind] as const);
    }),
  );
  const schemas: PathSchemas = {
    object: (kind) => {
      const own = custom.get(gvkOf(kind));
      if (own) return addCustomKind(collector, own, kind.kind);
      const message = schema.kind(kind);
      return message && collector.reference(message.id);
    },
    patch: () => collector.reference('meta/v1.Patch'),
  };
  const write = collector.dialect === 'v2' ? pathsV2 : pathsV3;
  const paths: Record<string, unknown> = {};
  for (const resource of part.resources)
    Object.assign(paths, write(operationsOf(resource, schema), schemas, false));
  for (const { resource } of part.published)
    Object.assign(paths, write(operationsOf(resource, schema), schemas, true));
  // No operation names it, but every watch answers with it.
  collector.reference('meta/v1.WatchEvent');
  return sortedByKey(paths);
}

const sortedByKey = <T>(record: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));

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
