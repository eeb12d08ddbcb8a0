import type { Resource, Subresource, Verb } from '#proto/api/resource.ts';
import type { GroupVersionKind, Schema } from '#proto/schema/schema.ts';
import { isReturnedOnDelete } from '#server/apiserver/rest/traits.ts';

/** A parameter of a path or its query, in the words of both versions of OpenAPI. */
export interface Parameter {
  readonly in: 'path' | 'query';
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean';
}

/** What a request or an answer holds: an object of a kind, or nothing with a name of its own. */
export type Body = { readonly kind: GroupVersionKind } | 'patch' | 'text';

/** One method of one path, before it is written down in a version of OpenAPI. */
export interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete' | 'head' | 'options';
  readonly id: string;
  readonly tag: string;
  readonly action: string;
  readonly description: string;
  /** What it works on. */
  readonly kind: GroupVersionKind;
  readonly parameters: readonly Parameter[];
  readonly request?: { readonly body: Body; readonly required: boolean };
  readonly response: Body;
  readonly codes: readonly number[];
  /** May be watched: answers come as a stream, too. */
  readonly streams: boolean;
}

export interface Path {
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly operations: readonly Operation[];
}

const query = (name: string, type: Parameter['type'] = 'string'): Parameter => ({ in: 'query', name, type });
const inPath = (name: string): Parameter => ({ in: 'path', name, type: 'string' });
const PRETTY = query('pretty');

const WRITE = [query('dryRun'), query('fieldManager'), query('fieldValidation')];
const LIST = [
  query('allowWatchBookmarks', 'boolean'),
  query('continue'),
  query('fieldSelector'),
  query('labelSelector'),
  query('limit', 'integer'),
  query('resourceVersion'),
  query('resourceVersionMatch'),
  query('sendInitialEvents', 'boolean'),
  query('timeoutSeconds', 'integer'),
  query('watch', 'boolean'),
];
const DELETE = [
  query('dryRun'),
  query('gracePeriodSeconds', 'integer'),
  query('orphanDependents', 'boolean'),
  query('propagationPolicy'),
];
const DELETE_MANY = [...LIST.slice(1, -1), ...DELETE].sort((a, b) => (a.name < b.name ? -1 : 1));

const STATUS: GroupVersionKind = { group: '', version: 'v1', kind: 'Status' };
const DELETE_OPTIONS: GroupVersionKind = { group: '', version: 'v1', kind: 'DeleteOptions' };

/** How a verb is told: the method, the word in the id, its parameters, the codes of success. */
interface Telling {
  readonly method: Operation['method'];
  readonly word: string;
  readonly action: string;
  readonly parameters: readonly Parameter[];
  readonly codes: readonly number[];
}

const TELLINGS: Partial<Record<Verb, Telling>> = {
  list: { method: 'get', word: 'list', action: 'list', parameters: LIST, codes: [200] },
  create: { method: 'post', word: 'create', action: 'post', parameters: WRITE, codes: [200, 201, 202] },
  deletecollection: {
    method: 'delete',
    word: 'delete',
    action: 'deletecollection',
    parameters: DELETE_MANY,
    codes: [200],
  },
  get: { method: 'get', word: 'read', action: 'get', parameters: [], codes: [200] },
  update: { method: 'put', word: 'replace', action: 'put', parameters: WRITE, codes: [200, 201] },
  patch: {
    method: 'patch',
    word: 'patch',
    action: 'patch',
    parameters: [...WRITE, query('force', 'boolean')],
    codes: [200, 201],
  },
  delete: { method: 'delete', word: 'delete', action: 'delete', parameters: DELETE, codes: [200, 202] },
};

const OF_COLLECTION: readonly Verb[] = ['deletecollection', 'list', 'create'];
const OF_OBJECT: readonly Verb[] = ['delete', 'get', 'patch', 'update'];

/** Everything that clients may do with a resource, by path. Ids and texts: upstream's `APIInstaller`. */
export function operationsOf(resource: Resource, schema: Schema): Path[] {
  const { group, version, plural, namespaced, verbs } = resource;
  const root = group ? `/apis/${group}/${version}` : `/api/${version}`;
  const collection = namespaced ? `${root}/namespaces/{namespace}/${plural}` : `${root}/${plural}`;
  const scope = namespaced ? [inPath('namespace')] : [];
  const one = [inPath('name'), ...scope];
  const scoped = namespaced ? 'Namespaced' : '';
  const told = (verb: Verb, suffix = ''): Operation[] =>
    verbs.includes(verb) ? [operationOf(resource, verb, scoped, suffix)] : [];
  const paths: Path[] = [
    {
      path: collection,
      parameters: [...scope, PRETTY],
      operations: OF_COLLECTION.flatMap((verb) => told(verb)),
    },
    {
      path: `${collection}/{name}`,
      parameters: [...one, PRETTY],
      operations: OF_OBJECT.flatMap((verb) => told(verb)),
    },
  ];
  if (namespaced && verbs.includes('list'))
    paths.push({
      path: `${root}/${plural}`,
      parameters: [PRETTY],
      operations: [operationOf(resource, 'list', '', 'ForAllNamespaces')],
    });
  for (const sub of resource.subresources ?? [])
    paths.push(...pathsOfPart(resource, sub, `${collection}/{name}/${sub.name}`, one, schema));
  return paths.filter(({ operations }) => operations.length > 0);
}

function operationOf(resource: Resource, verb: Verb, scoped: string, suffix: string): Operation {
  const { group, version, kind, listKind = `${kind}List` } = resource;
  const telling = TELLINGS[verb] as Telling;
  const own: GroupVersionKind = { group, version, kind };
  const many = verb === 'deletecollection' ? 'Collection' : '';
  const removes = verb === 'delete' || verb === 'deletecollection';
  const answer =
    verb === 'list'
      ? { ...own, kind: listKind }
      : removes && !(verb === 'delete' && isReturnedOnDelete(resource))
        ? STATUS
        : own;
  return {
    ...telling,
    id: `${telling.word}${groupWord(resource)}${many}${scoped}${kind}${suffix}`,
    tag: tagOf(resource),
    description: DESCRIPTIONS[verb]?.(kind) ?? '',
    kind: own,
    ...requestOf(verb, own),
    response: { kind: answer },
    streams: verb === 'list',
  };
}

function requestOf(verb: Verb, kind: GroupVersionKind): Pick<Operation, 'request'> {
  switch (verb) {
    case 'create':
    case 'update':
      return { request: { body: { kind }, required: true } };
    case 'patch':
      return { request: { body: 'patch', required: true } };
    case 'delete':
    case 'deletecollection':
      return { request: { body: { kind: DELETE_OPTIONS }, required: false } };
    default:
      return {};
  }
}

const CONNECTS = new Set(['attach', 'exec', 'portforward', 'proxy']);
const ANY_METHOD = ['delete', 'get', 'head', 'options', 'patch', 'post', 'put'] as const;

function pathsOfPart(
  resource: Resource,
  sub: Subresource,
  path: string,
  one: readonly Parameter[],
  schema: Schema,
): Path[] {
  const body: GroupVersionKind = {
    group: sub.group ?? resource.group,
    version: sub.version ?? resource.version,
    kind: sub.kind,
  };
  const scoped = resource.namespaced ? 'Namespaced' : '';
  const title = `${scoped}${resource.kind}${capital(sub.name)}`;
  if (CONNECTS.has(sub.name)) {
    const methods = sub.name === 'proxy' ? ANY_METHOD : (['get', 'post'] as const);
    const own = optionsOf(body, schema);
    const connect = (suffix: string): Operation[] =>
      methods.map((method) => ({
        method,
        id: `connect${groupWord(resource)}${capital(method)}${title}${suffix}`,
        tag: tagOf(resource),
        action: 'connect',
        description: `connect ${method.toUpperCase()} requests to ${sub.name} of ${resource.kind}`,
        kind: body,
        parameters: [],
        response: 'text',
        codes: [200],
        streams: false,
      }));
    const plain = { path, parameters: [...one, ...own], operations: connect('') };
    if (sub.name !== 'proxy') return [plain];
    const rest = [...one, inPath('path'), ...own];
    return [plain, { path: `${path}/{path}`, parameters: rest, operations: connect('WithPath') }];
  }
  const operations = (['get', 'patch', 'update', 'create'] as const)
    .filter((verb) => sub.verbs.includes(verb))
    .map((verb): Operation => {
      const telling = TELLINGS[verb] as Telling;
      const what = verb === 'create' ? `${sub.name} of ${a(resource.kind)}` : '';
      const log = sub.name === 'log';
      return {
        ...telling,
        parameters: log
          ? optionsOf({ ...body, kind: 'PodLogOptions' }, schema).filter(({ name }) => name !== 'sinceTime')
          : telling.parameters,
        id: `${telling.word}${groupWord(resource)}${title}`,
        tag: tagOf(resource),
        description: what
          ? `create ${what}`
          : `${DESCRIPTIONS[verb]?.('')?.split(' the')[0] ?? ''} ${sub.name} of the specified ${resource.kind}`,
        kind: body,
        ...requestOf(verb, body),
        response: log ? 'text' : { kind: body },
        streams: false,
      };
    });
  return [{ path, parameters: [...one, PRETTY], operations }];
}

/** The fields of an options kind, which come in the query. */
function optionsOf(kind: GroupVersionKind, schema: Schema): Parameter[] {
  const message = schema.kind(kind);
  if (!message) return [];
  return [...message.properties.values()]
    .filter(({ name }) => name !== 'apiVersion' && name !== 'kind')
    .map(({ name, type }) => {
      const scalar = (type.kind === 'list' ? type.items : type) as { scalar?: string };
      return query(
        name,
        scalar.scalar === 'bool' ? 'boolean' : scalar.scalar?.startsWith('int') ? 'integer' : 'string',
      );
    })
    .sort((x, y) => (x.name < y.name ? -1 : 1));
}

const DESCRIPTIONS: Partial<Record<Verb, (kind: string) => string>> = {
  list: (kind) => `list or watch objects of kind ${kind}`,
  create: (kind) => `create ${a(kind)}`,
  deletecollection: (kind) => `delete collection of ${kind}`,
  get: (kind) => `read the specified ${kind}`,
  update: (kind) => `replace the specified ${kind}`,
  patch: (kind) => `partially update the specified ${kind}`,
  delete: (kind) => `delete ${a(kind)}`,
};

const a = (kind: string): string => `${/^[AEIOU]/i.test(kind) ? 'an' : 'a'} ${kind}`;
const capital = (text: string): string => (text[0]?.toUpperCase() ?? '') + text.slice(1);

/** `rbac.authorization.k8s.io` is `RbacAuthorization`, the core group `Core`. */
const words = (text: string): string =>
  text
    .split(/[^A-Za-z0-9]+/)
    .map(capital)
    .join('');
const groupName = ({ group }: Resource): string => words(group.replace(/\.k8s\.io$/, '') || 'core');
const groupWord = (resource: Resource): string => groupName(resource) + words(resource.version);
const tagOf = (resource: Resource): string => {
  const name = groupName(resource);
  return `${name[0]?.toLowerCase() ?? ''}${name.slice(1)}_${resource.version}`;
};
