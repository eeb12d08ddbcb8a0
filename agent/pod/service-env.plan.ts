/** Service variables: `KUBERNETES_SERVICE_HOST` and its like. Rule: upstream's `pkg/kubelet/envvars`. */
import { hostPort } from '#proto/net/host-port.ts';
import type { Service } from '#proto/schema/generated/core-v1.ts';

const name = (service: Service): string => (service.metadata.name ?? '').toUpperCase().replaceAll('-', '_');

/** With `links`, all services of the pod's namespace; the API server's own is there in any case. */
export function serviceEnv(
  services: readonly Service[],
  namespace: string,
  links: boolean,
): ReadonlyMap<string, string> {
  const env = new Map<string, string>();
  const own = services.filter((s) => links && s.metadata.namespace === namespace);
  const api = services.filter((s) => s.metadata.namespace === 'default' && s.metadata.name === 'kubernetes');
  for (const service of [...own, ...api]) {
    const ip = service.spec.clusterIP;
    const ports = service.spec.ports ?? [];
    const first = ports[0];
    if (!ip || ip === 'None' || !first) continue;
    const prefix = name(service);
    env.set(`${prefix}_SERVICE_HOST`, ip);
    env.set(`${prefix}_SERVICE_PORT`, String(first.port));
    for (const port of ports) {
      if (!port.name) continue;
      env.set(`${prefix}_SERVICE_PORT_${port.name.toUpperCase().replaceAll('-', '_')}`, String(port.port));
    }
    ports.forEach((port, index) => {
      const protocol = port.protocol ?? 'TCP';
      const url = `${protocol.toLowerCase()}://${hostPort(ip, port.port)}`;
      if (index === 0) env.set(`${prefix}_PORT`, url);
      const link = `${prefix}_PORT_${port.port}_${protocol.toUpperCase()}`;
      env.set(link, url);
      env.set(`${link}_PROTO`, protocol.toLowerCase());
      env.set(`${link}_PORT`, String(port.port));
      env.set(`${link}_ADDR`, ip);
    });
  }
  return env;
}
