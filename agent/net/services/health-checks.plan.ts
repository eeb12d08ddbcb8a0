import type { Service } from '#proto/schema/generated/core-v1.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import { slicesByService } from './targets.plan.ts';

/** What a balancer in front of the boards is told of one Service at one port. */
export interface HealthCheck {
  readonly namespace: string;
  readonly name: string;
  /** Ready ones on this board. */
  readonly localEndpoints: number;
}

/** By port. Rule: upstream's `pkg/proxy/healthcheck`. */
export function planHealthChecks(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  nodeName: string,
): ReadonlyMap<number, HealthCheck> {
  const planned = new Map<number, HealthCheck>();
  const checked = services.filter(
    ({ spec }) =>
      spec.healthCheckNodePort && spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local',
  );
  if (checked.length === 0) return planned;
  const byService = slicesByService(slices);
  for (const { metadata, spec } of checked) {
    const { namespace = '', name = '' } = metadata;
    const family = spec.ipFamilies?.[0] ?? 'IPv4';
    const local = (byService.get(`${namespace}/${name}`) ?? []).flatMap(({ addressType, endpoints }) =>
      (addressType === family ? (endpoints ?? []) : [])
        .filter((endpoint) => endpoint.nodeName === nodeName && (endpoint.conditions?.ready ?? true))
        .flatMap(({ addresses }) => addresses),
    );
    planned.set(spec.healthCheckNodePort ?? 0, { namespace, name, localEndpoints: new Set(local).size });
  }
  return planned;
}
