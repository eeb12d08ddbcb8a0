import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { secrets } from '#proto/api/core/secrets.ts';
import { type FieldError, invalidValue } from '#proto/meta/field-error.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { badRequest, conflict, invalid, notFound } from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { BoundObjectReference, TokenRequest } from '#proto/schema/generated/authentication-v1.ts';
import type { Pod, ServiceAccount } from '#proto/schema/generated/core-v1.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import type { NamedUid, ServiceAccountClaims } from '#server/apiserver/authn/service-account-claims.ts';
import type { ServiceAccountTokens } from '#server/apiserver/authn/service-account-tokens.ts';

const DEFAULT_SECONDS = 3600;
const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;
/** What admission asks for in a Pod's volume. A client that never reads its file again is told so, not locked out. */
const PROJECTED_SECONDS = 3607;
const EXTENDED_SECONDS = 365 * 86_400;

export interface TokenRequestDeps {
  readonly tokens: ServiceAccountTokens;
  readonly reader: ObjectReader;
}

/**
 * Answers `POST serviceaccounts/x/token`: the request with its token. What it is bound to must exist, with the uid that
 * was asked for. `validate` runs when the request itself is in order. Rule: upstream's `TokenREST.Create`.
 */
export async function issueServiceAccountToken(
  deps: TokenRequestDeps,
  request: TokenRequest,
  account: ServiceAccount,
  validate: () => Promise<void>,
): Promise<TokenRequest> {
  checkIdentity(request, account);
  const { issuer } = deps.tokens;
  const { name, namespace, uid } = account.metadata;
  const spec = {
    ...request.spec,
    audiences: request.spec?.audiences?.length ? request.spec.audiences : [issuer],
    expirationSeconds: request.spec?.expirationSeconds ?? DEFAULT_SECONDS,
  };
  request.spec = spec;
  delete request.status;
  const problems = problemsOf(spec.expirationSeconds);
  if (problems.length > 0) throw invalid(KIND, '', problems);
  await validate();
  const claims = claimsOf(deps.reader, spec.boundObjectRef, account);
  const isExtended =
    claims.pod !== undefined &&
    spec.expirationSeconds === PROJECTED_SECONDS &&
    spec.audiences.every((audience) => audience === issuer);
  const { token, issuedMs } = deps.tokens.issue({
    claims,
    audiences: spec.audiences,
    expirationSeconds: isExtended ? EXTENDED_SECONDS : spec.expirationSeconds,
    warnAfterSeconds: isExtended ? spec.expirationSeconds : undefined,
  });
  return {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { ...request.metadata, name, namespace, uid, creationTimestamp: timestamp(issuedMs) },
    spec,
    status: { token, expirationTimestamp: timestamp(issuedMs + spec.expirationSeconds * 1000) },
  };
}

const KIND = { group: 'authentication.k8s.io', kind: 'TokenRequest' };

/** A request may say whose token it asks for; then it must be right. */
function checkIdentity({ metadata }: TokenRequest, account: ServiceAccount): void {
  const { name = '', namespace, uid } = account.metadata;
  for (const [field, given, own, what] of [
    ['metadata.name', metadata?.name, name, 'name'],
    ['metadata.namespace', metadata?.namespace, namespace, 'namespace'],
  ] as const) {
    if (given && given !== own)
      throw invalid(KIND, name, [
        invalidValue(field, given, `must match the service account ${what} if specified`),
      ]);
  }
  if (metadata?.uid && metadata.uid !== uid)
    throw conflict(
      { group: KIND.group, resource: KIND.kind },
      name,
      `the UID in the token request (${metadata.uid}) does not match the UID of the service account (${uid})`,
    );
}

function problemsOf(seconds: number): FieldError[] {
  const field = 'spec.expirationSeconds';
  if (seconds < MIN_SECONDS)
    return [invalidValue(field, seconds, 'may not specify a duration less than 10 minutes')];
  if (seconds > MAX_SECONDS)
    return [invalidValue(field, seconds, 'may not specify a duration larger than 2^32 seconds')];
  return [];
}

const BINDABLE = { Pod: pods, Secret: secrets, Node: nodes } as const;

function claimsOf(
  reader: ObjectReader,
  ref: BoundObjectReference | undefined,
  account: ServiceAccount,
): ServiceAccountClaims {
  const { namespace = '', name = '', uid = '' } = account.metadata;
  const claims = { namespace, serviceaccount: { name, uid } };
  if (!ref) return claims;
  const { kind = '', apiVersion = '', name: wanted = '' } = ref;
  if (apiVersion.includes('/') || !Object.hasOwn(BINDABLE, kind)) {
    const groupVersion = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`;
    throw badRequest(`cannot bind token to object of type ${groupVersion}, Kind=${kind}`);
  }
  const resource = BINDABLE[kind as keyof typeof BINDABLE];
  const where = resource.namespaced ? namespace : undefined;
  const found = reader.get<KubeObject>(resource, where, wanted);
  if (!found) throw notFound({ group: '', resource: resource.plural }, wanted);
  if (resource === pods && (found as Pod).spec.serviceAccountName !== name)
    throw badRequest(
      `cannot bind token for serviceaccount ${JSON.stringify(name)} to pod running with different serviceaccount name.`,
    );
  if (ref.uid && ref.uid !== found.metadata.uid) {
    throw conflict(
      { group: '', resource: kind },
      wanted,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  const bond = { name: wanted, uid: found.metadata.uid ?? '' };
  switch (resource) {
    case pods:
      return { ...claims, pod: bond, ...nodeOfPod(reader, found as Pod) };
    case secrets:
      return { ...claims, secret: bond };
    default:
      return { ...claims, node: bond };
  }
}

function nodeOfPod(reader: ObjectReader, { spec: { nodeName } }: Pod): { node?: NamedUid } {
  if (!nodeName) return {};
  return { node: { name: nodeName, uid: reader.get(nodes, undefined, nodeName)?.metadata.uid ?? '' } };
}
