import { namespaces } from '#proto/api/core/namespaces.ts';
import { groupResourceOf, type Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { notFound } from '#proto/meta/status-error.ts';
import type { Namespace } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionAttributes } from '#server/apiserver/admission/admission.ts';
import { type ParamSource, paramsOf } from '#server/apiserver/admission/policy/params.ts';
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
    let resource: Resource | undefined;
    try {
      resource = matchedResource(policy.spec.matchConstraints, attributes, reader);
    } catch (err) {
      found.push({
        policy,
        binding: undefined,
        message: `failed to configure policy: ${(err as Error).message}`,
      });
      continue;
    }
    if (!resource) continue;
    for (const binding of bindings) {
      try {
        if (!matchedResource(binding.spec.matchResources, attributes, reader)) continue;
        const { paramKind } = policy.spec;
        for (const param of await paramsOf(paramKind, binding.spec.paramRef, attributes.namespace, params))
          found.push({ policy, binding, resource, params: param });
      } catch (err) {
        found.push({ policy, binding, message: `failed to configure binding: ${(err as Error).message}` });
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
