import { apiVersionOf } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { isTrue } from '#server/apiserver/http/target.ts';
import { Admission } from '#server/apiserver/rest/admit.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';

const BOOLEANS = new Set(['stdin', 'stdout', 'stderr', 'tty']);

/**
 * Admission of a connection: attach, exec, port-forward, proxy. Its object is what the query asks for, as `PodExecOptions`
 * and its siblings; `path` is what a proxied path goes on with. Rejects with a StatusError.
 */
export async function admitConnect(
  api: Api,
  call: Call,
  query: URLSearchParams,
  path?: string,
): Promise<void> {
  const kind = call.resource.subresources?.find(({ name }) => name === call.subresource)?.kind ?? '';
  const options: Record<string, unknown> = { kind, apiVersion: apiVersionOf(call.resource) };
  for (const key of path === undefined ? new Set(query.keys()) : []) {
    if (BOOLEANS.has(key)) options[key] = isTrue(query.get(key));
    else if (key === 'container') options[key] = query.get(key);
    else if (key === 'command') options[key] = query.getAll(key);
    else if (key === 'ports') options[key] = query.getAll(key).map(Number);
  }
  if (path !== undefined) options['path'] = path;
  // Never stored, so without metadata: plugins that look for labels find none.
  const object = options as unknown as KubeObject;
  const admission = new Admission(api, call, { operation: 'CONNECT', object });
  await admission.mutate();
  await admission.validate(object);
}
