import { isTrue } from '#server/apiserver/http/target.ts';

/** What a request is about, by its URL alone: whether or not such a thing is served. Rule: upstream's `RequestInfo`. */
export interface RequestInfo {
  readonly path: string;
  /** `get`, `list`, `watch`, `create`, …; for what is no resource the method in lower case. */
  readonly verb: string;
  /** Absent for paths like `/metrics`. */
  readonly resource?: RequestedResource;
}

export interface RequestedResource {
  readonly group: string;
  readonly version: string;
  /** `''` for all namespaces, and for what is in none. */
  readonly namespace: string;
  readonly plural: string;
  readonly subresource: string;
  readonly name: string;
}

const VERBS: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};
const OF_NAMESPACES = ['status', 'finalize'];

export function requestInfoOf(method: string, path: string, query: URLSearchParams): RequestInfo {
  const plain = { path, verb: method.toLowerCase() };
  const parts = path.replace(/^\/+|\/+$/g, '').split('/');
  const prefix = parts[0];
  const skip = prefix === 'api' ? 1 : prefix === 'apis' ? 2 : 0;
  if (skip === 0 || parts.length < skip + 2) return plain;
  const group = skip === 1 ? '' : (parts[1] ?? '');
  const version = parts[skip] ?? '';
  let rest = parts.slice(skip + 1);
  let verb = VERBS[method] ?? '';
  const isOld = rest[0] === 'watch' || rest[0] === 'proxy';
  if (isOld) {
    verb = rest[0] ?? '';
    rest = rest.slice(1);
  }
  let namespace = '';
  if (rest[0] === 'namespaces' && rest[1] !== undefined) {
    namespace = rest[1];
    if (rest[2] !== undefined && !OF_NAMESPACES.includes(rest[2])) rest = rest.slice(2);
  }
  const [plural = '', given = '', sub = ''] = rest;
  const subresource = verb === 'proxy' ? '' : sub;
  let name = given;
  if (!isOld && name === '' && verb === 'get') {
    verb = isTrue(query.get('watch')) ? 'watch' : 'list';
    name = selectedName(verb, query) ?? '';
  }
  if (!isOld && name === '' && verb === 'delete') verb = 'deletecollection';
  return { path, verb, resource: { group, version, namespace, plural, subresource, name } };
}

/**
 * The one object that a list or watch is confined to by its field selector: who may read that object may read such a list.
 * Rule: `NewRequestInfo` of apiserver `pkg/endpoints/request`.
 */
export function selectedName(verb: string, query: URLSearchParams): string | undefined {
  if (verb !== 'list' && verb !== 'watch') return undefined;
  for (const term of (query.get('fieldSelector') ?? '').split(',')) {
    const [, name] = /^metadata\.name==?([^=\\/%]+)$/.exec(term) ?? [];
    if (name !== undefined && name !== '.' && name !== '..') return name;
  }
  return undefined;
}

const STREAMS = ['attach', 'exec', 'proxy', 'log', 'portforward'];

/** Does it last as long as its client likes? Rule: upstream's `BasicLongRunningRequestCheck`. */
export const isLongRunning = ({ verb, resource }: RequestInfo): boolean =>
  verb === 'watch' || verb === 'proxy' || (resource !== undefined && STREAMS.includes(resource.subresource));
