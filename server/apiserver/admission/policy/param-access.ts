import { mutatingadmissionpolicies } from '#proto/api/admissionregistration/mutatingadmissionpolicies.ts';
import { validatingadmissionpolicies } from '#proto/api/admissionregistration/validatingadmissionpolicies.ts';
import { apiVersionOf, type Resource } from '#proto/api/resource.ts';
import { forbiddenField } from '#proto/meta/field-error.ts';
import { invalid } from '#proto/meta/status-error.ts';
import type {
  ParamKind,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '#proto/schema/generated/admissionregistration-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import type { Authorizer } from '#server/apiserver/authz/authorizer.ts';

type User = AdmissionAttributes['user'];

/** A kind or a resource of which nothing is known stands for all. */
interface Wanted {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}
const ALL: Wanted = { group: '*', version: '*', resource: '*' };

const POLICIES = new Map<string, Resource<ValidatingAdmissionPolicy>>([
  ['ValidatingAdmissionPolicy', validatingadmissionpolicies],
  ['MutatingAdmissionPolicy', mutatingadmissionpolicies as Resource<ValidatingAdmissionPolicy>],
]);

/**
 * Policies read their parameters as the server, and show what is in them: only who may read parameters may name them.
 * Rule: `authz.go` of upstream's strategies of policies and bindings.
 */
export class ParamAccess implements AdmissionPlugin {
  readonly name = 'ParamAccess';
  readonly #authorizer: Authorizer;
  readonly #reader: Pick<ObjectReader, 'get'>;
  readonly #kinds: () => readonly Resource[];

  constructor(authorizer: Authorizer, reader: Pick<ObjectReader, 'get'>, kinds: () => readonly Resource[]) {
    this.#authorizer = authorizer;
    this.#reader = reader;
    this.#kinds = kinds;
  }

  async validate({ resource, subresource, operation, object, oldObject, user, name }: AdmissionAttributes) {
    if (resource.group !== validatingadmissionpolicies.group || subresource || !object) return;
    if ((operation !== 'CREATE' && operation !== 'UPDATE') || user.groups.includes('system:masters')) return;
    const policies = POLICIES.get(resource.kind.replace(/Binding$/, ''));
    if (!policies) return;
    const isPolicy = policies.kind === resource.kind;
    const problem = isPolicy
      ? await this.#policy(user, object as ValidatingAdmissionPolicy, oldObject as ValidatingAdmissionPolicy)
      : await this.#binding(user, object as ValidatingAdmissionPolicyBinding, policies);
    if (problem)
      throw invalid(resource, name, [forbiddenField(isPolicy ? 'spec.paramKind' : 'spec.paramRef', problem)]);
  }

  async #policy(
    user: User,
    { spec: { paramKind } }: ValidatingAdmissionPolicy,
    old: ValidatingAdmissionPolicy | undefined,
  ): Promise<string | undefined> {
    if (!paramKind) return undefined;
    const before = old?.spec.paramKind;
    if (before?.apiVersion === paramKind.apiVersion && before?.kind === paramKind.kind) return undefined;
    if (await this.#may(user, 'get', this.#wanted(paramKind), '*', '*')) return undefined;
    return `user ${printed(user)} must have "get" permission on all objects of the referenced paramKind (kind=${paramKind.kind}, apiVersion=${paramKind.apiVersion})`;
  }

  async #binding(
    user: User,
    { spec: { paramRef, policyName = '' } }: ValidatingAdmissionPolicyBinding,
    policies: Resource<ValidatingAdmissionPolicy>,
  ): Promise<string | undefined> {
    if (!paramRef) return undefined;
    const policy = this.#reader.get(policies, undefined, policyName);
    const paramKind = policy?.spec.paramKind;
    const wanted = paramKind ? this.#wanted(paramKind) : ALL;
    const verb = paramRef.name ? 'get' : 'list';
    if (await this.#may(user, verb, wanted, paramRef.name ?? '', paramRef.namespace ?? '')) return undefined;
    const lacks = `to determine minimum required permissions and user ${printed(user)} does not have "${verb}" permission for all groups, versions and resources`;
    if (!policy) return `unable to get policy ${policyName} ${lacks}`;
    if (paramKind && wanted.resource === '*')
      return `unable to resolve paramKind &{${paramKind.apiVersion} ${paramKind.kind}} ${lacks}`;
    return `user ${printed(user)} does not have "${verb}" permission on the object referenced by paramRef`;
  }

  #wanted({ apiVersion = '', kind }: ParamKind): Wanted {
    const found = this.#kinds().find((known) => known.kind === kind && apiVersionOf(known) === apiVersion);
    const [version = '', group = ''] = apiVersion.split('/').reverse();
    return { group, version, resource: found?.plural ?? '*' };
  }

  async #may(user: User, verb: string, wanted: Wanted, name: string, namespace: string): Promise<boolean> {
    const request = { kind: 'resource', user, verb, ...wanted, name, namespace } as const;
    return (await this.#authorizer.authorize(request)).allowed;
  }
}

/** As Go prints who it is. */
const printed = ({ name, uid = '', groups }: User): string => `&{${name} ${uid} [${groups.join(' ')}] map[]}`;
