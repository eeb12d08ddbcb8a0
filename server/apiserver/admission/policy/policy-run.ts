import { namespaces } from '#proto/api/core/namespaces.ts';
import { groupResourceOf, type Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { notFound } from '#proto/meta/status-error.ts';
import type { Namespace } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionAttributes } from '#server/apiserver/admission/admission.ts';
import { type ParamSource, paramResource, paramsOf } from '#server/apiserver/admission/policy/params.ts';
import type { Binding, BoundPolicy, Policy } from '#server/apiserver/admission/policy/policies.ts';
import { matchedResource } from '#server/apiserver/admission/policy/selection.ts';
import { isNamespaceKind } from '#server/apiserver/admission/webhook/match.plan.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import type { Authorizer } from '#server/apiserver/authz/authorizer.ts';

export interface PolicyDeps {
  readonly reader: ObjectReader;
  readonly authorizer: Authorizer;
  readonly params: ParamSource;
}

/** A policy that has to do with a write: once for each binding and each of its parameters. */
export interface Invocation<P extends Policy, B extends Binding> {
  readonly policy: P;
  readonly binding: B;
  readonly resource: Resource;
  readonly params: KubeObject | undefined;
}

/** A policy or a binding that can't be asked. */
export interface Misconfigured<P extends Policy, B extends Binding> {
  readonly policy: P;
  readonly binding: B | undefined;
  readonly message: string;
}

/** Which policies have to do with a write, in order. Rule: `policyDispatcher` of apiserver. */
export async function invocationsOf<P extends Policy, B extends Binding>(
  bound: readonly BoundPolicy<P, B>[],
  attributes: AdmissionAttributes,
  { reader, params }: PolicyDeps,
): Promise<readonly (Invocation<P, B> | Misconfigured<P, B>)[]> {
  const found: (Invocation<P, B> | Misconfigured<P, B>)[] = [];
  for (const { policy, bindings } of bound) {
    const failed = (binding: B | undefined, err: unknown): void => {
      const what = binding ? 'binding' : 'policy';
      found.push({ policy, binding, message: `failed to configure ${what}: ${(err as Error).message}` });
    };
    let resource: Resource | undefined;
    let paramKind: Resource | undefined;
    try {
      resource = matchedResource(policy.spec.matchConstraints, attributes, reader);
      if (!resource) continue;
      paramKind = paramResource(policy.spec.paramKind, params);
    } catch (err) {
      failed(undefined, err);
      continue;
    }
    for (const binding of bindings) {
      try {
        if (!matchedResource(binding.spec.matchResources, attributes, reader)) continue;
        for (const param of await paramsOf(paramKind, binding.spec.paramRef, attributes.namespace, params))
          found.push({ policy, binding, resource, params: param });
      } catch (err) {
        failed(binding, err);
      }
    }
  }
  return found;
}

/** What `namespaceObject` is. A namespace itself has none. Throws the StatusError of one that is not there. */
export function namespaceFor(
  { resource, namespace }: AdmissionAttributes,
  reader: ObjectReader,
): Namespace | undefined {
  if (!namespace || isNamespaceKind(resource)) return undefined;
  const found = reader.get(namespaces, undefined, namespace);
  if (!found) throw notFound(groupResourceOf(namespaces), namespace);
  return found as Namespace;
}
