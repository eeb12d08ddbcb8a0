import { AGE, NAME, NONE, text } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import { hostPort } from '#proto/net/host-port.ts';
import type { Endpoints } from '#proto/schema/generated/core-v1.ts';

/** `ip:port` of every ready address; the first three, then how many more there are. */
function format(endpoints: Endpoints): string {
  const all = (endpoints.subsets ?? []).flatMap((subset) => {
    const ready = (subset.addresses ?? []).map((a) => a.ip);
    const ports = subset.ports ?? [];
    if (ports.length === 0) return ready;
    return ports.flatMap((port) => ready.map((ip) => hostPort(ip, port.port)));
  });
  if (all.length === 0) return NONE;
  return all.length > 3 ? `${all.slice(0, 3).join(',')} + ${all.length - 3} more...` : all.join(',');
}

export const endpoints = defineResource<Endpoints>({
  group: '',
  version: 'v1',
  plural: 'endpoints',
  kind: 'Endpoints',
  namespaced: true,
  singular: 'endpoints',
  shortNames: ['ep'],
  deprecated: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  columns: [NAME, text('Endpoints', format), AGE],
});
