import { AGE, labels, NAME, NONE, text, wide } from '#proto/api/columns.ts';
import { defineResource, statusOf } from '#proto/api/define.ts';
import type { Service } from '#proto/schema/generated/core-v1.ts';

function externalIP(service: Service): string {
  const { spec } = service;
  const extra = spec.externalIPs ?? [];
  switch (spec.type) {
    case 'LoadBalancer': {
      const given = (service.status?.loadBalancer?.ingress ?? []).map((i) => i.ip || i.hostname || '');
      const all = [...given.filter(Boolean), ...extra];
      return all.length === 0 ? '<pending>' : all.join(',');
    }
    case 'ExternalName':
      return spec.externalName ?? '';
    default:
      return extra.length === 0 ? NONE : extra.join(',');
  }
}

function ports(service: Service): string {
  const parts = (service.spec.ports ?? []).map((p) =>
    p.nodePort ? `${p.port}:${p.nodePort}/${p.protocol ?? 'TCP'}` : `${p.port}/${p.protocol ?? 'TCP'}`,
  );
  return parts.length === 0 ? NONE : parts.join(',');
}

export const services = defineResource<Service>({
  group: '',
  version: 'v1',
  plural: 'services',
  kind: 'Service',
  namespaced: true,
  shortNames: ['svc'],
  categories: ['all'],
  subresources: [
    { name: 'proxy', kind: 'ServiceProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] },
    statusOf('Service'),
  ],
  columns: [
    NAME,
    text('Type', (s) => s.spec.type ?? ''),
    text('Cluster-IP', (s) => s.spec.clusterIPs?.[0] || s.spec.clusterIP || NONE),
    text('External-IP', externalIP),
    text('Port(s)', ports),
    AGE,
    wide('Selector', (s) => labels(s.spec.selector)),
  ],
  selectableFields: {
    'spec.clusterIP': (s) => s.spec.clusterIP ?? '',
    'spec.type': (s) => s.spec.type ?? '',
  },
});
