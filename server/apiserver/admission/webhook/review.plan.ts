import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { isObject } from '#proto/meta/own-property.ts';
import type { AdmissionResponse } from '#proto/schema/generated/admission-v1.ts';
import type { GroupVersionKind } from '#proto/schema/schema.ts';
import { namespaceOf } from '#server/apiserver/admission/webhook/match.plan.ts';

const VERSIONS = ['v1', 'v1beta1'];

/** What is told of a write, beside its objects: see `AdmissionAttributes`. */
export interface ReviewedWrite {
  readonly resource: Resource;
  readonly subresource: string | undefined;
  readonly kind: GroupVersionKind;
  readonly operation: string;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly options: object | undefined;
  readonly user: {
    readonly name: string;
    readonly uid?: string;
    readonly groups: readonly string[];
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
  readonly dryRun: boolean;
}

/** One webhook's turn on one write. */
export interface Invocation {
  /** The version of the resource that the webhook's rule names, where it is not that of the request. */
  readonly resource: Resource;
  /** In that version; undefined where there is none. */
  readonly object: KubeObject | undefined;
  readonly oldObject: KubeObject | undefined;
}

/** The first version of AdmissionReview that the webhook takes and we send; undefined for none. */
export const reviewVersionOf = (accepted: readonly string[]): string | undefined =>
  accepted.find((version) => VERSIONS.includes(version));

/** The body that is sent. Rule: `CreateV1AdmissionReview` of k8s.io/apiserver. */
export function reviewOf(
  version: string,
  uid: string,
  attributes: ReviewedWrite,
  invocation: Invocation,
): object {
  const { user, subresource, name } = attributes;
  const { uid: userUid, extra } = user;
  const namespace = namespaceOf(attributes);
  return {
    kind: 'AdmissionReview',
    apiVersion: `admission.k8s.io/${version}`,
    request: {
      uid,
      kind: kindIn(invocation.resource, attributes),
      resource: resourceOf(invocation.resource),
      ...(subresource ? { subResource: subresource } : {}),
      requestKind: plainKind(attributes.kind),
      requestResource: resourceOf(attributes.resource),
      ...(subresource ? { requestSubResource: subresource } : {}),
      ...(name ? { name } : {}),
      ...(namespace ? { namespace } : {}),
      operation: attributes.operation,
      userInfo: {
        username: user.name,
        ...(userUid ? { uid: userUid } : {}),
        groups: user.groups,
        ...(extra && Object.keys(extra).length > 0 ? { extra } : {}),
      },
      object: invocation.object ?? null,
      oldObject: invocation.oldObject ?? null,
      dryRun: attributes.dryRun,
      options: attributes.options ?? null,
    },
  };
}

const resourceOf = ({ group, version, plural }: Resource): object => ({ group, version, resource: plural });

const plainKind = ({ group, version, kind }: GroupVersionKind): object => ({ group, version, kind });

/** A subresource with a kind of its own has that kind in all versions. */
const kindIn = (resource: Resource, { kind, resource: asked }: ReviewedWrite): object =>
  plainKind(kind.kind === asked.kind ? resource : kind);

type Review = {
  readonly kind?: unknown;
  readonly apiVersion?: unknown;
  readonly response?: Partial<AdmissionResponse> | null;
};

/** What is wrong with an answer; undefined for a good one. Rule: `VerifyAdmissionResponse` of k8s.io/apiserver. */
export function responseFault(
  answer: unknown,
  version: string,
  uid: string,
  mutating: boolean,
): string | undefined {
  const { kind = '', apiVersion = '', response } = (answer ?? {}) as Review;
  if (response === null || response === undefined) return 'webhook response was absent';
  if (!isWellFormed(response)) return 'webhook response has fields of a wrong type';
  if (version !== 'v1') return undefined;
  const { uid: got = '', patch, patchType } = response;
  if (got !== uid) return `expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(got)}`;
  if (kind !== 'AdmissionReview' || apiVersion !== 'admission.k8s.io/v1') {
    return `expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got ${apiVersion || '/'}, Kind=${kind}`;
  }
  if (!mutating) {
    if (patch) return 'validating webhook may not return response.patch';
    return patchType == null ? undefined : 'validating webhook may not return response.patchType';
  }
  if (patch && patchType == null) return 'webhook returned response.patch but not response.patchType';
  if (!patch && patchType != null) return 'webhook returned response.patchType but not response.patch';
  return patchType === '' ? 'webhook returned invalid response.patchType of ""' : undefined;
}

/** It comes from outside: nothing behind this looks at types again. */
function isWellFormed(response: unknown): boolean {
  if (!isObject(response)) return false;
  const { status = {}, warnings = [], auditAnnotations = {} } = response;
  const texts = ['uid', 'patch', 'patchType'].every((key) => isText(response[key] ?? ''));
  return (
    texts &&
    isObject(status ?? {}) &&
    ['message', 'reason'].every((key) => isText((status as Record<string, unknown> | null)?.[key] ?? '')) &&
    Array.isArray(warnings ?? []) &&
    ((warnings ?? []) as unknown[]).every(isText) &&
    isObject(auditAnnotations ?? {}) &&
    Object.values(auditAnnotations ?? {}).every(isText)
  );
}

const isText = (value: unknown): boolean => typeof value === 'string';

export const responseOf = (answer: unknown): Partial<AdmissionResponse> =>
  (answer as { response: Partial<AdmissionResponse> }).response;
