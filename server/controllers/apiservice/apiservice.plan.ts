import { timestamp } from '#proto/meta/timestamp.ts';
import type { APIService, APIServiceCondition } from '#proto/schema/generated/apiregistration-v1.ts';
import type { Service } from '#proto/schema/generated/core-v1.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';

/** Marks the APIServices that the server itself made: `onstart` for what is built in, `true` for custom kinds. */
export const MANAGED = 'kube-aggregator.kubernetes.io/automanaged';

/** What an APIService is said to be, without the time of it. */
export type Verdict = Pick<APIServiceCondition, 'status' | 'reason' | 'message'>;

export const PASSED: Verdict = { status: 'True', reason: 'Passed', message: 'all checks passed' };

export const failedCheck = (message: string): Verdict => ({
  status: 'False',
  reason: 'FailedDiscoveryCheck',
  message,
});

/**
 * Why the Service of an APIService can't answer; undefined where it is worth asking. Rule: `sync` of kube-aggregator's
 * remote availability controller.
 */
export function serviceProblem(
  { spec }: APIService,
  service: Service | undefined,
  slices: readonly EndpointSlice[],
): Verdict | undefined {
  const { name = '', namespace = '', port = 443 } = spec.service ?? {};
  const where = `service/${name} in "${namespace}"`;
  const no = (reason: string, message: string): Verdict => ({ status: 'False', reason, message });
  if (!service) return no('ServiceNotFound', `${where} is not present`);
  if ((service.spec.type ?? 'ClusterIP') !== 'ClusterIP') return undefined;
  const found = service.spec.ports?.find((p) => p.port === port);
  if (!found) return no('ServicePortError', `${where} is not listening on port ${port}`);
  if (slices.length === 0) return no('EndpointsNotFound', `cannot find endpointslices for ${where}`);
  const portName = found.name ?? '';
  const isServed = slices.some(
    ({ endpoints, ports }) =>
      (endpoints ?? []).some(({ conditions }) => conditions?.ready !== false) &&
      (ports ?? []).some((p) => (p.name ?? '') === portName && p.port !== undefined),
  );
  if (isServed) return undefined;
  return no('MissingEndpoints', `endpointslices for ${where} have no addresses with port name "${portName}"`);
}

/** The status with the verdict in it: the time moves with the status of the condition alone. */
export function withVerdict(service: APIService, verdict: Verdict, now: number): APIService {
  const conditions = service.status?.conditions ?? [];
  const before = conditions.find(({ type }) => type === 'Available');
  const lastTransitionTime =
    before?.status === verdict.status && before.lastTransitionTime
      ? before.lastTransitionTime
      : timestamp(now);
  const next: APIServiceCondition = { type: 'Available', ...verdict, lastTransitionTime };
  const others = conditions.filter(({ type }) => type !== 'Available');
  return { ...service, status: { ...service.status, conditions: [...others, next] } };
}

export type Registration =
  | { readonly kind: 'create'; readonly service: APIService }
  | { readonly kind: 'update'; readonly service: APIService }
  | { readonly kind: 'delete' };

/**
 * What is to be done about the APIService of a group and version that is served here, or is no more. One that somebody has given
 * to a Service is theirs, and so is one without our mark. What is built in is registered once in the life of a server: who
 * removes it then has a reason. Rule: `checkAPIService` of kube-aggregator's autoregister controller.
 */
export function planRegistration(
  wanted: APIService | undefined,
  current: APIService | undefined,
  wasSynced: boolean,
): Registration | undefined {
  const isOnce = (service: APIService | undefined): boolean =>
    service?.metadata.labels?.[MANAGED] === 'onstart';
  if (!current) {
    if (!wanted || (isOnce(wanted) && wasSynced)) return undefined;
    return { kind: 'create', service: wanted };
  }
  if (current.metadata.labels?.[MANAGED] === undefined || current.spec.service) return undefined;
  if (isOnce(current) && wasSynced) return undefined;
  if (!wanted) return { kind: 'delete' };
  const { groupPriorityMinimum, versionPriority } = wanted.spec;
  const isSame =
    current.spec.groupPriorityMinimum === groupPriorityMinimum &&
    current.spec.versionPriority === versionPriority;
  return isSame ? undefined : { kind: 'update', service: { ...current, spec: wanted.spec } };
}
