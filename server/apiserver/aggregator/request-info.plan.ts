/** What a path below `/apis` asks for, whatever kinds there are. Rule: `NewRequestInfo` of apiserver `pkg/endpoints/request`. */
export interface RequestInfo {
  readonly group: string;
  readonly version: string;
  readonly verb: string;
  readonly resource: string;
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

const VERBS: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};
const NAMESPACE_SUBRESOURCES = ['status', 'finalize'];

/** Undefined for a path that names no resource: a group, a version. `isWatch`: does the query ask to watch? */
export function requestInfoOf(method: string, path: string, isWatch: boolean): RequestInfo | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  const [root, group = '', version = '', ...tail] = parts;
  if (root !== 'apis' || tail.length === 0) return undefined;
  const isOldWatch = tail[0] === 'watch';
  let rest = isOldWatch ? tail.slice(1) : tail;
  let namespace: string | undefined;
  if (rest[0] === 'namespaces' && rest.length > 1) {
    namespace = rest[1];
    if (rest.length > 2 && !NAMESPACE_SUBRESOURCES.includes(rest[2] ?? '')) rest = rest.slice(2);
  }
  const [resource = '', name, subresource] = rest;
  return {
    group,
    version,
    verb: isOldWatch ? 'watch' : verbOf(method, name, isWatch),
    resource,
    subresource: isOldWatch ? undefined : subresource,
    namespace,
    name,
  };
}

function verbOf(method: string, name: string | undefined, isWatch: boolean): string {
  const verb = VERBS[method] ?? '';
  if (name !== undefined) return verb;
  if (verb === 'get') return isWatch ? 'watch' : 'list';
  return verb === 'delete' ? 'deletecollection' : verb;
}
