/**
 * Ingresses as the tables of a proxy: which rule serves a request, which Pods are behind it, which certificate is shown. Pure.
 *
 * Of the rules that match a request, the one with the host that says most wins (a name, then a wildcard, then none), then an
 * exact path, then the longest prefix. A rule that two Ingresses have is the older one's. What no rule matches goes to the
 * oldest default backend, if there is one. Rule: the Ingress documentation of Kubernetes, "Multiple matches".
 */
import {
  type IngressSettings,
  inOrderOfAge,
  isUsablePath,
  settingsOf,
  tlsSecretsOf,
} from '#proto/ingress/ingress.ts';
import type { Service, ServicePort } from '#proto/schema/generated/core-v1.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import type { Ingress, IngressBackend } from '#proto/schema/generated/networking-v1.ts';
import { type Place, slicesByService, type Target, targetsOf } from '../services/targets.plan.ts';

export interface RoutingInput {
  readonly ingresses: readonly Ingress[];
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  readonly place: Place;
  /** What a name of the world stands for at the moment. */
  readonly addressesOf: (externalName: string) => readonly string[];
  /** Of a Secret, as `namespace/name`; undefined where it can not be used. */
  readonly certificateOf: (secret: string) => string | undefined;
}

/** How the Pods of a backend are spoken to. */
export type BackendProtocol = 'http' | 'h2c' | 'https';

export interface Backend extends Omit<IngressSettings, 'sslRedirect'> {
  readonly protocol: BackendProtocol;
  readonly targets: readonly Target[];
}

export interface Routing {
  /** `host/path` to {@link Route}; the host is a name, `*.name`, or `*`. */
  readonly exact: ReadonlyMap<string, Route>;
  /** As above, but the path ends in a slash, so that `/a/` is a prefix of `/a/b/` and not of `/ab/`. */
  readonly prefix: ReadonlyMap<string, Route>;
  readonly backends: ReadonlyMap<string, Backend>;
  /** In the order in which they are tried. */
  readonly certificates: readonly { readonly file: string; readonly hosts: readonly string[] }[];
  readonly externalNames: readonly string[];
}

export interface Route {
  readonly backend: string;
  readonly redirect: boolean;
}

/** The backend of what can not be served: it has no Pods, now or ever. */
export const UNAVAILABLE = 'unavailable';

const HOST = /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:.]*)$/i;

/** Of a Service port's appProtocol. Rule: KEP-3726, and what was in use before it. */
const PROTOCOLS: Readonly<Record<string, BackendProtocol>> = {
  'kubernetes.io/h2c': 'h2c',
  h2c: 'h2c',
  grpc: 'h2c',
  https: 'https',
  grpcs: 'https',
  'kubernetes.io/wss': 'https',
};

interface Draft {
  readonly exact: Map<string, Route>;
  readonly prefix: Map<string, Route>;
  readonly backends: Map<string, Backend>;
  readonly externalNames: Set<string>;
}

/** Deterministic: the same objects give the same tables, in whichever order they come. */
export function planRouting(input: RoutingInput): Routing {
  const draft: Draft = {
    exact: new Map(),
    prefix: new Map(),
    backends: new Map(),
    externalNames: new Set(),
  };
  const services = new Map(
    input.services.map((one) => [`${one.metadata.namespace}/${one.metadata.name}`, one]),
  );
  const slices = slicesByService(input.slices);
  const ingresses = inOrderOfAge(input.ingresses);
  const fallbacks = new Map<string, Route>();
  for (const ingress of ingresses) {
    const namespace = ingress.metadata.namespace ?? '';
    const settings = settingsOf(ingress);
    const routeTo = (backend: IngressBackend): Route => ({
      backend: backendFor(draft, input, { namespace, backend, settings, services, slices }),
      redirect: settings.sslRedirect,
    });
    for (const { host, http } of ingress.spec.rules ?? []) {
      const site = siteOf(host);
      if (site === undefined) continue;
      for (const { path, pathType, backend } of http?.paths ?? []) {
        const wanted = path || '/';
        if (!isUsablePath(wanted)) continue;
        if (pathType === 'Exact') setOnce(draft.exact, site + wanted, routeTo(backend));
        else setOnce(draft.prefix, `${site}${wanted.replace(/\/*$/, '')}/`, routeTo(backend));
      }
    }
    if (ingress.spec.defaultBackend) {
      const route = routeTo(ingress.spec.defaultBackend);
      for (const { host } of ingress.spec.rules ?? []) setOnce(fallbacks, siteOf(host) ?? '*', route);
      setOnce(fallbacks, '*', route);
    }
  }
  // After all rules: a default backend takes nothing away from anybody.
  for (const [site, route] of fallbacks) setOnce(draft.prefix, `${site}/`, route);
  return {
    exact: sorted(draft.exact),
    prefix: sorted(draft.prefix),
    backends: sorted(draft.backends),
    certificates: planCertificates(ingresses, input.certificateOf),
    externalNames: [...draft.externalNames].sort(),
  };
}

const siteOf = (host: string | undefined): string | undefined => {
  if (!host) return '*';
  return HOST.test(host) ? host : undefined;
};

function setOnce<V>(map: Map<string, V>, key: string, value: V): void {
  if (!map.has(key)) map.set(key, value);
}

const sorted = <V>(map: Map<string, V>): Map<string, V> =>
  new Map([...map].sort(([a], [b]) => (a < b ? -1 : 1)));

interface BackendContext {
  readonly namespace: string;
  readonly backend: IngressBackend;
  readonly settings: IngressSettings;
  readonly services: ReadonlyMap<string, Service>;
  readonly slices: ReadonlyMap<string, readonly EndpointSlice[]>;
}

/** Its name, which tells what is particular about it; Ingresses that want the same share it. */
function backendFor(draft: Draft, input: RoutingInput, context: BackendContext): string {
  const { namespace, backend, settings } = context;
  const { service } = backend;
  const port = service?.port?.name ?? service?.port?.number;
  if (
    !service ||
    port === undefined ||
    ![namespace, service.name, String(port)].every((part) => LABEL.test(part))
  )
    return unavailable(draft);
  const name = [
    ...[namespace, service.name, port],
    ...(settings.cookieAffinity ? ['cookie'] : []),
    ...(settings.timeoutSeconds === undefined ? [] : [`${settings.timeoutSeconds}s`]),
  ].join('_');
  if (!draft.backends.has(name)) {
    const { cookieAffinity, timeoutSeconds } = settings;
    draft.backends.set(name, { cookieAffinity, timeoutSeconds, ...behind(draft, input, context) });
  }
  return name;
}

function unavailable(draft: Draft): string {
  const none = { cookieAffinity: false, timeoutSeconds: undefined, protocol: 'http', targets: [] } as const;
  setOnce(draft.backends, UNAVAILABLE, none);
  return UNAVAILABLE;
}

function behind(
  draft: Draft,
  { place, addressesOf }: RoutingInput,
  { namespace, backend, services, slices }: BackendContext,
): Pick<Backend, 'protocol' | 'targets'> {
  const key = `${namespace}/${backend.service?.name}`;
  const { name, number } = backend.service?.port ?? {};
  const service = services.get(key);
  const port: ServicePort | undefined = service?.spec.ports?.find((one) =>
    name ? one.name === name : one.port === number,
  );
  const protocol = PROTOCOLS[port?.appProtocol?.toLowerCase() ?? ''] ?? 'http';
  if (service?.spec.type === 'ExternalName') {
    const at = port?.port ?? number;
    const world = service.spec.externalName ?? '';
    if (at === undefined || !HOST.test(world)) return { protocol, targets: [] };
    draft.externalNames.add(world);
    return { protocol, targets: addressesOf(world).map((ip) => ({ ip, port: at })) };
  }
  if (!service || !port) return { protocol, targets: [] };
  // A Pod of two families is one Pod: it is asked in the first one of its Service.
  const { all } = targetsOf(port, slices.get(key) ?? [], place, service.spec.ipFamilies?.[0] ?? 'IPv4');
  return { protocol, targets: all.filter(({ ip }) => ADDRESS.test(ip)) };
}

/** A certificate is shown for the hosts that an Ingress says, or, where it says none, for those in the certificate. */
function planCertificates(
  ingresses: readonly Ingress[],
  certificateOf: RoutingInput['certificateOf'],
): Routing['certificates'] {
  const found: { file: string; hosts: readonly string[] }[] = [];
  for (const ingress of ingresses) {
    for (const { hosts = [], secretName } of ingress.spec.tls ?? []) {
      if (!secretName) continue;
      const [secret = ''] = tlsSecretsOf({ ...ingress, spec: { tls: [{ secretName }] } });
      const file = certificateOf(secret);
      if (file !== undefined) found.push({ file, hosts: hosts.filter((host) => HOST.test(host)).sort() });
    }
  }
  return found;
}
