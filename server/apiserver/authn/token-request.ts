import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { secrets } from '#proto/api/core/secrets.ts';
import { type FieldError, forbiddenField, invalidValue } from '#proto/meta/field-error.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { conflict, invalid, notFound } from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { TokenRequest } from '#proto/schema/generated/authentication-v1.ts';
import type { Pod, ServiceAccount } from '#proto/schema/generated/core-v1.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import type { ServiceAccountClaims } from '#server/apiserver/authn/service-account-claims.ts';
import type { ServiceAccountTokens } from '#server/apiserver/authn/service-account-tokens.ts';

const DEFAULT_SECONDS = 3600;
const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;

/**
 * Answers `POST serviceaccounts/x/token`: the request with its token. What it is bound to must exist, with the uid that
 * was asked for. Rule: upstream's `TokenREST.Create`.
 */
export function issueServiceAccountToken(
  deps: { readonly tokens: ServiceAccountTokens; readonly reader: ObjectReader },
  request: TokenRequest,
  account: ServiceAccount,
): TokenRequest {
  const expirationSeconds = request.spec?.expirationSeconds ?? DEFAULT_SECONDS;
  const problems = problemsOf(request, expirationSeconds);
  if (problems.length > 0) throw invalid(KIND, '', problems);
  const audiences = request.spec?.audiences?.length ? request.spec.audiences : [deps.tokens.issuer];
  const { token, expiresMs } = deps.tokens.issue({
    claims: claimsOf(deps.reader, request, account),
    audiences,
    expirationSeconds,
  });
  return {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: {
      name: account.metadata.name,
      namespace: account.metadata.namespace,
      creationTimestamp: request.metadata?.creationTimestamp,
    },
    spec: { ...request.spec, audiences, expirationSeconds },
    status: { token, expirationTimestamp: timestamp(expiresMs) },
  };
}

const KIND = { group: 'authentication.k8s.io', kind: 'TokenRequest' };

function problemsOf(request: TokenRequest, seconds: number): FieldError[] {
  const field = 'spec.expirationSeconds';
  if (seconds < MIN_SECONDS)
    return [invalidValue(field, seconds, 'may not specify a duration less than 10 minutes')];
  if (seconds > MAX_SECONDS)
    return [invalidValue(field, seconds, 'may not specify a duration larger than 2^32 seconds')];
  const kind = request.spec?.boundObjectRef?.kind;
  return kind !== undefined && !(kind in BINDABLE)
    ? [forbiddenField('spec.boundObjectRef', `unsupported object kind ${JSON.stringify(kind)}`)]
    : [];
}

const BINDABLE = { Pod: pods, Secret: secrets, Node: nodes } as const;

function claimsOf(
  reader: ObjectReader,
  request: TokenRequest,
  account: ServiceAccount,
): ServiceAccountClaims {
  const { namespace = '', name = '', uid = '' } = account.metadata;
  const claims = { namespace, serviceaccount: { name, uid } };
  const ref = request.spec?.boundObjectRef;
  if (!ref) return claims;
  const resource = BINDABLE[ref.kind as keyof typeof BINDABLE];
  const where = { group: resource.group, resource: resource.plural };
  const wanted = ref.name ?? '';
  const found: KubeObject | undefined = reader.get<KubeObject>(
    resource,
    resource.namespaced ? namespace : undefined,
    wanted,
  );
  if (!found) throw notFound(where, wanted);
  if (ref.uid && ref.uid !== found.metadata.uid) {
    throw conflict(
      where,
      wanted,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  const bond = { name: wanted, uid: found.metadata.uid ?? '' };
  switch (resource) {
    case pods:
      return { ...claims, pod: bond, ...nodeOfPod(reader, found as Pod, name) };
    case secrets:
      return { ...claims, secret: bond };
    default:
      return { ...claims, node: bond };
  }
}

function nodeOfPod(
  reader: ObjectReader,
  pod: Pod,
  account: string,
): { node?: { name: string; uid: string } } {
  const own = pod.spec.serviceAccountName || 'default';
  if (own !== account) {
    throw invalid(KIND, '', [
      forbiddenField(
        'spec.boundObjectRef',
        `cannot bind token for serviceaccount ${JSON.stringify(account)} to pod running with different serviceaccount name.`,
      ),
    ]);
  }
  const { nodeName } = pod.spec;
  if (!nodeName) return {};
  return { node: { name: nodeName, uid: reader.get(nodes, undefined, nodeName)?.metadata.uid ?? '' } };
}
