import { AGE, NAME, NONE, text } from '#proto/api/columns.ts';
import { defineResource, statusOf } from '#proto/api/define.ts';
import type { Ingress } from '#proto/schema/generated/networking-v1.ts';

function hosts(ingress: Ingress): string {
  const all = (ingress.spec.rules ?? []).map((r) => r.host).filter((h): h is string => Boolean(h));
  if (all.length === 0) return '*';
  return all.length > 3 ? `${all.slice(0, 3).join(',')} + ${all.length - 3} more...` : all.join(',');
}

const address = (ingress: Ingress): string =>
  (ingress.status?.loadBalancer?.ingress ?? [])
    .map((i) => i.ip || i.hostname || '')
    .filter(Boolean)
    .join(',');

export const ingresses = defineResource<Ingress>({
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'ingresses',
  kind: 'Ingress',
  namespaced: true,
  singular: 'ingress',
  shortNames: ['ing'],
  subresources: [statusOf('Ingress')],
  columns: [
    NAME,
    text(
      'Class',
      (i) => i.spec.ingressClassName ?? i.metadata.annotations?.['kubernetes.io/ingress.class'] ?? NONE,
    ),
    text('Hosts', hosts),
    text('Address', address),
    text('Ports', (i) => ((i.spec.tls ?? []).length > 0 ? '80, 443' : '80')),
    AGE,
  ],
});
