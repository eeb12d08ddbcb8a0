import type { Resource, Subresource } from '#proto/api/resource.ts';
import type { ApiRequest } from '#server/apiserver/http/exchange.ts';
import type { Call, ResourceIndex } from '#server/apiserver/rest/api.ts';

/** What a path under `/api` and `/apis` names. Rule: upstream's `RequestInfo`. */
export interface Target {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  /** `''` for a collection. */
  readonly name: string;
  readonly subresource: Subresource | undefined;
  /** What follows a `proxy`, with its slashes. */
  readonly rest: string;
  /** The old `/watch/` paths. */
  readonly watch: boolean;
}

/** Undefined where nothing is served there. */
export function targetOf(resources: ResourceIndex, path: string): Target | undefined {
  const parts = path.split('/').slice(1);
  const core = parts[0] === 'api';
  if (!core && parts[0] !== 'apis') return undefined;
  const group = core ? '' : (parts[1] ?? '');
  const version = (core ? parts[1] : parts[2]) ?? '';
  let tail = parts.slice(core ? 2 : 3);
  if (tail.at(-1) === '') tail = tail.slice(0, -1);
  const watch = tail[0] === 'watch';
  if (watch) tail = tail.slice(1);
  const find = (plural: string | undefined): Resource | undefined =>
    plural ? resources.find(group, version, plural) : undefined;

  let namespace: string | undefined;
  // `namespaces/x/pods` is inside x; `namespaces/x` and `namespaces/x/status` are the object itself.
  if (tail[0] === 'namespaces' && tail.length > 2 && find(tail[2])?.namespaced) {
    namespace = tail[1] ?? '';
    if (namespace === '') return undefined;
    tail = tail.slice(2);
  }
  const resource = find(tail[0]);
  if (!resource || (resource.namespaced && namespace === undefined && tail.length > 1)) return undefined;
  const [, name = '', sub, ...rest] = tail;
  const subresource = sub === undefined ? undefined : resource.subresources?.find((s) => s.name === sub);
  if (sub !== undefined && (!subresource || (rest.length > 0 && sub !== 'proxy'))) return undefined;
  const isProxy = sub === 'proxy';
  return { resource, namespace, name, subresource, rest: isProxy ? restOf(path, rest) : '', watch };
}

function restOf(path: string, rest: readonly string[]): string {
  const slash = path.endsWith('/') ? '/' : '';
  return rest.length === 0 ? slash : `/${rest.join('/')}${slash}`;
}

/** A call that reads no options from its query: a connection, whose query is for the other side. */
export const connectCall = (
  target: Target,
  { user, trail }: Pick<ApiRequest, 'user' | 'trail'>,
  warn: (message: string) => void,
): Call => ({
  resource: target.resource,
  namespace: target.namespace,
  name: target.name,
  subresource: target.subresource?.name,
  user,
  dryRun: false,
  manager: '',
  warn,
  annotate: (key, value) => trail?.annotate(key, value),
});

/** The verb that authorizers are asked about. */
export function verbOf(target: Target, method: string, query: URLSearchParams): string {
  switch (method) {
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return target.name === '' ? 'deletecollection' : 'delete';
    case 'GET':
    case 'HEAD':
      if (target.subresource && target.subresource.name !== 'status') return 'get';
      if (isWatch(target, query)) return 'watch';
      return target.name === '' ? 'list' : 'get';
    default:
      // Which only those may who may everything.
      return '';
  }
}

/** Is a GET of this a watch? A watch of one object is written as a list with a field selector, too. */
export function isWatch(target: Target, query: URLSearchParams): boolean {
  if (target.watch) return true;
  if (target.subresource) return false;
  return isTrue(query.get('watch'));
}

/** A boolean of a query as Go's conversion reads it: anything but `false` and `0` that is there. */
export const isTrue = (value: string | null): boolean =>
  value !== null && value !== '0' && value.toLowerCase() !== 'false';
