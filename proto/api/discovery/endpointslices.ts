import { AGE, NAME, orUnset, text } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';

const MAX_SHOWN = 3;

function cut(all: readonly string[]): string {
  if (all.length === 0) return UNSET;
  return all.length > MAX_SHOWN
    ? `${all.slice(0, MAX_SHOWN).join(',')} + ${all.length - MAX_SHOWN} more...`
    : all.join(',');
}

const UNSET = orUnset(undefined);

export const endpointslices = defineResource<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  plural: 'endpointslices',
  kind: 'EndpointSlice',
  namespaced: true,
  columns: [
    NAME,
    text('AddressType', (s) => s.addressType),
    text('Ports', (s) => cut((s.ports ?? []).map((p) => (p.port === undefined ? '*' : String(p.port))))),
    text('Endpoints', (s) => cut((s.endpoints ?? []).flatMap((e) => e.addresses ?? []))),
    AGE,
  ],
});
