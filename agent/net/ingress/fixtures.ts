import type { Ingress, IngressBackend, IngressSpec } from '#proto/schema/generated/networking-v1.ts';

export const toService = (name: string, port: string | number = 'http'): IngressBackend => ({
  service: { name, port: typeof port === 'string' ? { name: port } : { number: port } },
});

/** `'Prefix /a web'`: a path type, a path and a Service. */
export const aPath = (text: string) => {
  const [pathType = '', path = '', service = ''] = text.split(' ');
  return { pathType, path, backend: toService(service) };
};

/** Each host with its paths; '' is no host. The newer, the later it is made. */
export const anIngress = (
  name: string,
  hosts: Readonly<Record<string, readonly string[]>>,
  rest: Partial<IngressSpec> & { annotations?: Record<string, string>; madeAt?: string } = {},
): Ingress => {
  const { annotations = {}, madeAt = '2026-01-01T00:00:00Z', ...spec } = rest;
  return {
    metadata: { namespace: 'default', name, uid: name, creationTimestamp: madeAt, annotations },
    spec: {
      ingressClassName: 'coracle',
      rules: Object.entries(hosts).map(([host, paths]) => ({
        ...(host ? { host } : {}),
        http: { paths: paths.map(aPath) },
      })),
      ...spec,
    },
  };
};
