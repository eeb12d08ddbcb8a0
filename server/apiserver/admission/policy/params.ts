import { apiVersionOf, type Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { matchesLabels, selectorFromObject } from '#proto/meta/selector.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { ParamKind, ParamRef } from '#proto/schema/generated/admissionregistration-v1.ts';
import type { ApiClient } from '#server/client/client.ts';

/** Where parameters are read: kinds may be custom ones, which come in several versions. */
export interface ParamSource {
  readonly kinds: () => readonly Resource[];
  readonly client: () => Pick<ApiClient, 'get' | 'list'>;
}

/** The parameters can't be had: `failurePolicy` says what follows. */
export class ParamProblem extends Error {}

/** The kind of a policy's parameters; undefined where it has none. Throws a {@link ParamProblem} where there is no such kind. */
export function paramResource(kind: ParamKind | undefined, { kinds }: ParamSource): Resource | undefined {
  if (!kind) return undefined;
  const found = kinds().find(
    (known) =>
      known.kind === kind.kind && apiVersionOf(known) === kind.apiVersion && known.verbs.includes('get'),
  );
  if (found) return found;
  const version = kind.apiVersion?.includes('/') ? kind.apiVersion : `/${kind.apiVersion}`;
  throw new ParamProblem(`failed to find resource referenced by paramKind: '${version}, Kind=${kind.kind}'`);
}

/**
 * The parameters with which a policy is evaluated for a binding, once with each; `[undefined]` where it has none.
 * Rejects with a {@link ParamProblem}. Rule: `CollectParams` of apiserver.
 */
export async function paramsOf(
  resource: Resource | undefined,
  ref: ParamRef | undefined,
  namespace: string | undefined,
  source: ParamSource,
): Promise<readonly (KubeObject | undefined)[]> {
  if (!resource || !ref) return [undefined];
  const params = await read(resource, ref, namespaceFor(resource, ref, namespace), source.client());
  if (params.length === 0 && ref.parameterNotFoundAction === 'Deny')
    throw new ParamProblem('no params found for policy binding with `Deny` parameterNotFoundAction');
  return params;
}

function namespaceFor(resource: Resource, ref: ParamRef, namespace: string | undefined): string | undefined {
  if (!resource.namespaced) {
    if (ref.namespace)
      throw new ParamProblem('paramRef.namespace must not be provided for a cluster-scoped `paramKind`');
    return undefined;
  }
  const found = ref.namespace || namespace;
  if (found) return found;
  throw new ParamProblem(
    'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
  );
}

async function read(
  resource: Resource,
  { name, selector }: ParamRef,
  namespace: string | undefined,
  client: Pick<ApiClient, 'get' | 'list'>,
): Promise<readonly KubeObject[]> {
  const typed = (object: KubeObject): KubeObject => ({
    ...object,
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
  });
  if (name) {
    try {
      return [typed(await client.get(resource, { namespace, name }))];
    } catch (err) {
      if (isNotFound(err)) return [];
      throw new ParamProblem((err as Error).message, { cause: err });
    }
  }
  if (!selector) throw new ParamProblem('one of name or selector must be provided');
  const { items } = await client.list(resource, { namespace });
  const wanted = selectorFromObject(selector);
  return items.filter(({ metadata }) => matchesLabels(wanted, metadata.labels)).map(typed);
}
