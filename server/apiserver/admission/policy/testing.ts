import { mutatingadmissionpolicies } from '#proto/api/admissionregistration/mutatingadmissionpolicies.ts';
import { mutatingadmissionpolicybindings } from '#proto/api/admissionregistration/mutatingadmissionpolicybindings.ts';
import { validatingadmissionpolicies } from '#proto/api/admissionregistration/validatingadmissionpolicies.ts';
import { validatingadmissionpolicybindings } from '#proto/api/admissionregistration/validatingadmissionpolicybindings.ts';
import { namespaces } from '#proto/api/core/namespaces.ts';
import { groupResourceOf, type Resource } from '#proto/api/resource.ts';
import type { KubeObject, ObjectKey, ObjectList } from '#proto/meta/object.ts';
import { notFound } from '#proto/meta/status-error.ts';
import { MutatingAdmissionPolicy } from '#server/apiserver/admission/policy/mutating.ts';
import { ValidatingAdmissionPolicy } from '#server/apiserver/admission/policy/validating.ts';
import { createStoreReader } from '#server/apiserver/authn/object-reader.ts';
import type { AuthorizationRequest } from '#server/apiserver/authz/authorizer.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { createObject } from '#server/apiserver/rest/create.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { aCall, testApi } from '#server/apiserver/testing/test-api.ts';
import type { ListOptions } from '#server/client/client.ts';
import { strategies } from '#server/registry/index.ts';

export const RULE = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] };

/** For tests: the API with policies of both kinds in force, and what it warned of, noted and asked. */
export async function aCluster() {
  const base = testApi();
  const reader = createStoreReader(base.store);
  const questions: AuthorizationRequest[] = [];
  const client = {
    get: async <T extends KubeObject>(resource: Resource<T>, { namespace, name }: ObjectKey): Promise<T> => {
      const found = reader.get(resource, namespace, name);
      if (!found) throw notFound(groupResourceOf(resource), name);
      return found;
    },
    list: async <T extends KubeObject>(
      resource: Resource<T>,
      { namespace }: ListOptions = {},
    ): Promise<ObjectList<T>> => ({ metadata: {}, items: reader.list(resource, namespace) }),
  };
  const deps = {
    reader,
    authorizer: {
      authorize: async (request: AuthorizationRequest) => {
        questions.push(request);
        return { allowed: request.verb === 'get', reason: `about ${request.verb}` };
      },
    },
    params: { kinds: () => base.resources.all, client: () => client },
    shapeOf: base.codec.shapeOf,
  };
  const api: Api = {
    ...base,
    admission: [new MutatingAdmissionPolicy(deps), new ValidatingAdmissionPolicy(deps)],
    strategyOf: ({ group, plural }) => strategies.get(`${group}/${plural}`) ?? {},
  };
  const warnings: string[] = [];
  const notes: Record<string, string> = {};
  const call = (resource: Resource, name = '', over: Partial<Call> = {}): Call =>
    aCall(resource, name, {
      warn: (text) => void warnings.push(text),
      annotate: (key, value) => {
        notes[key] = value;
      },
      ...over,
    });
  const create = async <T extends KubeObject>(
    resource: Resource<T>,
    object: object,
    over: Partial<Call> = {},
  ): Promise<T> => objectOf(await createObject(api, call(resource, '', over), object as KubeObject)) as T;
  await create(namespaces, { metadata: { name: 'default', labels: { team: 'a' } } });

  return {
    api,
    call,
    create,
    warnings,
    notes,
    questions,
    /** A policy called `p` with a binding called `b`. */
    async validate(spec: object, binding: object = {}): Promise<void> {
      await create(validatingadmissionpolicies, {
        metadata: { name: 'p' },
        spec: { matchConstraints: { resourceRules: [RULE] }, ...spec },
      });
      await create(validatingadmissionpolicybindings, {
        metadata: { name: 'b' },
        spec: { policyName: 'p', validationActions: ['Deny'], ...binding },
      });
    },
    /** The same with mutations, under a name. */
    async mutate(name: string, spec: object, binding: object = {}): Promise<void> {
      await create(mutatingadmissionpolicies, {
        metadata: { name },
        spec: {
          matchConstraints: { resourceRules: [{ ...RULE, operations: ['CREATE', 'UPDATE'] }] },
          reinvocationPolicy: 'Never',
          ...spec,
        },
      });
      await create(mutatingadmissionpolicybindings, {
        metadata: { name: `${name}-b` },
        spec: { policyName: name, ...binding },
      });
    },
  };
}
