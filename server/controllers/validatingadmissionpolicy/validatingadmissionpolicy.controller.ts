import { validatingadmissionpolicies } from '#proto/api/admissionregistration/validatingadmissionpolicies.ts';
import { customresourcedefinitions } from '#proto/api/apiextensions/customresourcedefinitions.ts';
import { apiVersionOf, type Resource } from '#proto/api/resource.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { ValidatingAdmissionPolicy } from '#proto/schema/generated/admissionregistration-v1.ts';
import { schema } from '#proto/schema/schema.ts';
import type { CelEngine, StructuralSchema } from '#server/cel/engine.ts';
import { loadCel } from '#server/cel/load.ts';
import type { CelType } from '#server/cel/type.ts';
import type { ApiClient } from '#server/client/client.ts';
import { type Controller, type ControllerContext, createQueue } from '#server/controllers/context.ts';
import { typeOfMessage } from '#server/controllers/validatingadmissionpolicy/kind-type.ts';
import {
  namedResources,
  planTypeChecking,
  type TypedKind,
} from '#server/controllers/validatingadmissionpolicy/type-check.plan.ts';

/**
 * Checks the expressions of ValidatingAdmissionPolicies against the types of the objects that they match, and writes what it
 * finds into their status. Rule: upstream's `validatingadmissionpolicy-status-controller`.
 */
export function createValidatingAdmissionPolicyController(
  context: ControllerContext,
  kinds: () => readonly Resource[],
): Controller {
  const { client } = context;
  const policies = context.informers.for(validatingadmissionpolicies);
  const queue = createQueue(context, 'validatingadmissionpolicy-status', async (name) => {
    const policy = policies.get(name);
    const generation = policy?.metadata.generation ?? 0;
    if (!policy || generation <= (policy.status?.observedGeneration ?? 0)) return;
    const warnings = await check(policy, await loadCel(), kinds(), client);
    const status = {
      ...policy.status,
      observedGeneration: generation,
      typeChecking: warnings.length > 0 ? { expressionWarnings: warnings } : {},
    };
    await client.update(
      validatingadmissionpolicies,
      { ...policy, status },
      { subresource: 'status', fieldManager: 'validatingadmissionpolicy-status' },
    );
  });
  policies.onChange((_type, { metadata }) => queue.add(metadata.name ?? ''));
  return { start: (signal) => queue.start(signal) };
}

async function check(
  policy: ValidatingAdmissionPolicy,
  cel: CelEngine,
  kinds: readonly Resource[],
  client: ApiClient,
) {
  const { paramKind, matchConstraints } = policy.spec;
  const named = namedResources(matchConstraints?.resourceRules);
  const matched = kinds.filter((kind) =>
    named.some(
      ({ group, version, plural }) =>
        kind.group === group && kind.version === version && kind.plural === plural,
    ),
  );
  const typed: TypedKind[] = [];
  for (const kind of matched) {
    const type = await typeOfKind(kind, cel, client);
    if (type) typed.push({ group: kind.group, version: kind.version, kind: kind.kind, type });
  }
  const params = kinds.find(
    (kind) => kind.kind === paramKind?.kind && apiVersionOf(kind) === paramKind.apiVersion,
  );
  return planTypeChecking(policy, cel, typed, params && (await typeOfKind(params, cel, client)));
}

/** Undefined for a kind of which nothing is known. */
async function typeOfKind(
  resource: Resource,
  cel: CelEngine,
  client: ApiClient,
): Promise<CelType | undefined> {
  const message = schema.kind(resource);
  if (message) return typeOfMessage(message, resource.kind);
  try {
    const name = `${resource.plural}.${resource.group}`;
    const { spec } = await client.get(customresourcedefinitions, { name });
    const version = spec.versions.find((one) => one.name === resource.version);
    const known = version?.schema?.openAPIV3Schema as StructuralSchema | undefined;
    return known && cel.typeOfSchema(known, { isResourceRoot: true });
  } catch (err) {
    if (isNotFound(err)) return undefined;
    throw err;
  }
}
