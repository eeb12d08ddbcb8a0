import { endpoints } from '#proto/api/core/endpoints.ts';
import { namespaces } from '#proto/api/core/namespaces.ts';
import { services } from '#proto/api/core/services.ts';
import { endpointslices } from '#proto/api/discovery/endpointslices.ts';
import { servicecidrs } from '#proto/api/networking/servicecidrs.ts';
import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject, ObjectKey } from '#proto/meta/object.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { Endpoints, Namespace, Service } from '#proto/schema/generated/core-v1.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import type { ServiceCIDR } from '#proto/schema/generated/networking-v1.ts';
import type { ApiClient } from '#server/client/client.ts';

const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
const COMMON = { component: 'apiserver', provider: 'kubernetes' };
/** In etcd's words upstream, here in ours: who keeps these objects. */
const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';

export interface SystemObjects {
  /** The address of the `kubernetes` Service: the first of the service range. */
  readonly serviceIp: string;
  /** Where Services get their addresses from: `10.43.0.0/16`, or one range of each family with a comma between. */
  readonly serviceCidr: string;
  /** Where Pods reach this server. */
  readonly advertiseAddress: string;
  readonly port: number;
}

/** What every cluster has from its first second on. Idempotent; follows a changed address. */
export async function ensureSystemObjects(client: ApiClient, options: SystemObjects): Promise<void> {
  for (const name of NAMESPACES) {
    await ensure<Namespace>(client, namespaces, { metadata: { name }, spec: {} });
  }
  await ensureServiceCidr(client, options.serviceCidr);
  await ensure<Service>(client, services, {
    metadata: { name: 'kubernetes', namespace: 'default', labels: COMMON },
    spec: {
      type: 'ClusterIP',
      clusterIP: options.serviceIp,
      clusterIPs: [options.serviceIp],
      sessionAffinity: 'None',
      ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: options.port }],
    } as Service['spec'],
  });
  await keep<Endpoints>(
    client,
    endpoints,
    endpointsOf(options),
    (old, wished) => (old.subsets = wished.subsets),
  );
  await keep<EndpointSlice>(client, endpointslices, sliceOf(options), (old, wished) => {
    old.endpoints = wished.endpoints;
    old.ports = wished.ports;
  });
}

/**
 * The Service by which programs find cluster DNS, as in every cluster. Boards answer at its address themselves; Pods with its
 * label, a CoreDNS of the user, take over once they are ready.
 */
export async function ensureDnsService(client: ApiClient, clusterDns: string): Promise<void> {
  await ensure<Service>(client, services, {
    metadata: {
      name: 'kube-dns',
      namespace: 'kube-system',
      labels: {
        'k8s-app': 'kube-dns',
        'kubernetes.io/cluster-service': 'true',
        'kubernetes.io/name': 'CoreDNS',
      },
    },
    spec: {
      type: 'ClusterIP',
      clusterIP: clusterDns,
      clusterIPs: [clusterDns],
      selector: { 'k8s-app': 'kube-dns' },
      ports: [
        { name: 'dns', protocol: 'UDP', port: 53, targetPort: 53 },
        { name: 'dns-tcp', protocol: 'TCP', port: 53, targetPort: 53 },
      ],
    } as Service['spec'],
  });
}

/** Tells the range that the server was started with. Rule: upstream's `defaultservicecidr` controller. */
async function ensureServiceCidr(client: ApiClient, text: string): Promise<void> {
  const key = { name: 'kubernetes' };
  await ensure<ServiceCIDR>(client, servicecidrs, { metadata: key, spec: { cidrs: text.split(',') } });
  const { metadata, spec, status } = await client.get(servicecidrs, key);
  const told = status?.conditions?.some(({ type }) => type === 'Ready');
  if (told || metadata.deletionTimestamp || spec.cidrs?.join() !== text) return;
  const ready = {
    type: 'Ready',
    status: 'True',
    reason: '',
    message: 'Kubernetes default Service CIDR is ready',
    lastTransitionTime: metadata.creationTimestamp,
  };
  await client.patch(
    servicecidrs,
    key,
    'merge',
    { status: { conditions: [ready] } },
    { subresource: 'status' },
  );
}

const endpointsOf = ({ advertiseAddress, port }: SystemObjects): Endpoints => ({
  metadata: {
    name: 'kubernetes',
    namespace: 'default',
    // The slice below is written, not mirrored.
    labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
  },
  subsets: [{ addresses: [{ ip: advertiseAddress }], ports: [{ name: 'https', port, protocol: 'TCP' }] }],
});

const sliceOf = ({ advertiseAddress, port }: SystemObjects): EndpointSlice => ({
  metadata: {
    name: 'kubernetes',
    namespace: 'default',
    labels: { 'kubernetes.io/service-name': 'kubernetes', [MANAGED_BY]: 'apiserver.coracle' },
  },
  addressType: 'IPv4',
  endpoints: [{ addresses: [advertiseAddress], conditions: { ready: true } }],
  ports: [{ name: 'https', port, protocol: 'TCP' }],
});

/** Looks first: at a restart its own address would be refused to the Service as taken. */
async function ensure<T extends KubeObject>(
  client: ApiClient,
  resource: Resource<T>,
  object: T,
): Promise<void> {
  const { name = '', namespace } = object.metadata;
  try {
    await client.get(resource, { name, namespace });
  } catch (err) {
    if (!isNotFound(err)) throw err;
    await client.create(resource, object);
  }
}

/** Creates, or brings what `take` copies up to date. */
async function keep<T extends KubeObject>(
  client: ApiClient,
  resource: Resource<T>,
  wished: T,
  take: (old: T, wished: T) => void,
): Promise<void> {
  const { name = '', namespace } = wished.metadata;
  const key: ObjectKey = { name, namespace };
  try {
    const next = structuredClone(await client.get(resource, key));
    take(next, wished);
    await client.update(resource, next);
  } catch (err) {
    if (!isNotFound(err)) throw err;
    await client.create(resource, wished);
  }
}
