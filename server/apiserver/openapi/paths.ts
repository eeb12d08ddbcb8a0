import type { Resource, Subresource, Verb } from '#proto/api/resource.ts';
import type { JsonSchema } from '#server/apiserver/openapi/schemas.ts';

/** References to definitions, made when they are first needed. */
export interface PathSchemas {
  object(kind: { group: string; version: string; kind: string }): JsonSchema | undefined;
}

type Parameter = Record<string, unknown>;
type PathItem = Record<string, unknown>;

const query = (name: string, type: string): Parameter => ({
  in: 'query',
  name,
  schema: { type, uniqueItems: true },
});

const path = (name: string): Parameter => ({
  in: 'path',
  name,
  required: true,
  schema: { type: 'string', uniqueItems: true },
});

const WRITE = [
  query('dryRun', 'string'),
  query('fieldManager', 'string'),
  query('fieldValidation', 'string'),
];
const LIST = [
  query('allowWatchBookmarks', 'boolean'),
  query('continue', 'string'),
  query('fieldSelector', 'string'),
  query('labelSelector', 'string'),
  query('limit', 'integer'),
  query('resourceVersion', 'string'),
  query('resourceVersionMatch', 'string'),
  query('sendInitialEvents', 'boolean'),
  query('timeoutSeconds', 'integer'),
  query('watch', 'boolean'),
];
const DELETE = [
  query('dryRun', 'string'),
  query('gracePeriodSeconds', 'integer'),
  query('orphanDependents', 'boolean'),
  query('propagationPolicy', 'string'),
];

const PATCH_TYPES = [
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];

interface Operation {
  readonly verb: Verb;
  readonly method: string;
  readonly action: string;
  readonly parameters: readonly Parameter[];
}

const OF_COLLECTION: readonly Operation[] = [
  { verb: 'list', method: 'get', action: 'list', parameters: LIST },
  { verb: 'create', method: 'post', action: 'post', parameters: WRITE },
  {
    verb: 'deletecollection',
    method: 'delete',
    action: 'deletecollection',
    parameters: [...LIST, ...DELETE],
  },
];
const OF_OBJECT: readonly Operation[] = [
  { verb: 'get', method: 'get', action: 'get', parameters: [] },
  { verb: 'update', method: 'put', action: 'put', parameters: WRITE },
  { verb: 'patch', method: 'patch', action: 'patch', parameters: [...WRITE, query('force', 'boolean')] },
  { verb: 'delete', method: 'delete', action: 'delete', parameters: DELETE },
];
/** A subresource's own creation is a POST on its path. */
const OF_SUBRESOURCE: readonly Operation[] = [
  ...OF_OBJECT,
  { verb: 'create', method: 'post', action: 'post', parameters: WRITE },
];

/** The paths of one resource, as far as clients read them: methods, kinds, query parameters, bodies. */
export function resourcePaths(resource: Resource, schemas: PathSchemas): Record<string, PathItem> {
  const { group, version, plural, namespaced } = resource;
  const root = group ? `/apis/${group}/${version}` : `/api/${version}`;
  const collection = namespaced ? `${root}/namespaces/{namespace}/${plural}` : `${root}/${plural}`;
  const scope = namespaced ? [path('namespace')] : [];
  const out: Record<string, PathItem> = {};
  const put = (at: string, item: PathItem | undefined): void => {
    if (item) out[at] = item;
  };
  const body = { group, version, kind: resource.kind };
  put(collection, pathItem(resource, resource.verbs, OF_COLLECTION, scope, body, schemas));
  put(
    `${collection}/{name}`,
    pathItem(resource, resource.verbs, OF_OBJECT, [path('name'), ...scope], body, schemas),
  );
  if (namespaced)
    put(
      `${root}/${plural}`,
      pathItem(
        resource,
        resource.verbs.filter((v) => v === 'list'),
        OF_COLLECTION,
        [],
        body,
        schemas,
      ),
    );
  for (const sub of resource.subresources ?? [])
    put(
      `${collection}/{name}/${sub.name}`,
      pathItem(resource, sub.verbs, OF_SUBRESOURCE, [path('name'), ...scope], bodyOf(sub, resource), schemas),
    );
  return out;
}

const bodyOf = (sub: Subresource, { group, version }: Resource): Kind => ({
  group: sub.group ?? group,
  version: sub.version ?? version,
  kind: sub.kind,
});

interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

function pathItem(
  resource: Resource,
  verbs: readonly Verb[],
  operations: readonly Operation[],
  scope: readonly Parameter[],
  body: Kind,
  schemas: PathSchemas,
): PathItem | undefined {
  const item: PathItem = {};
  for (const { verb, method, action, parameters } of operations) {
    if (!verbs.includes(verb)) continue;
    const kind = verb === 'list' ? { ...body, kind: resource.listKind ?? `${body.kind}List` } : body;
    const schema = schemas.object(verb === 'delete' || verb === 'deletecollection' ? STATUS : kind);
    item[method] = {
      'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': body,
      parameters,
      ...requestBody(verb, body, schemas),
      responses: {
        200: { description: 'OK', ...(schema ? { content: { 'application/json': { schema } } } : {}) },
      },
    };
  }
  if (Object.keys(item).length === 0) return undefined;
  return { ...item, parameters: [...scope, query('pretty', 'string')] };
}

const STATUS: Kind = { group: '', version: 'v1', kind: 'Status' };

function requestBody(verb: Verb, body: Kind, schemas: PathSchemas): Record<string, unknown> {
  if (verb === 'patch') {
    const schema = { type: 'object' };
    return {
      requestBody: { required: true, content: Object.fromEntries(PATCH_TYPES.map((t) => [t, { schema }])) },
    };
  }
  const kind = verb === 'delete' || verb === 'deletecollection' ? { ...STATUS, kind: 'DeleteOptions' } : body;
  const schema = verb === 'get' || verb === 'list' ? undefined : schemas.object(kind);
  return schema ? { requestBody: { content: { '*/*': { schema } } } } : {};
}
