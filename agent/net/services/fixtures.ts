import type { Service } from '#proto/schema/generated/core-v1.ts';
import type { Endpoint, EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import { IPV4 } from './family.ts';
import type { ServicesInput } from './services.plan.ts';

/** A ClusterIP Service with one port, 80. */
export const aService = (
  name: string,
  spec: Partial<Service['spec']> = {},
  rest: Partial<Service> = {},
): Service =>
  ({
    metadata: { namespace: 'default', name },
    spec: {
      type: 'ClusterIP',
      clusterIP: '10.43.0.20',
      ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
      ...spec,
    },
    ...rest,
  }) as Service;

/** `'10.42.1.2@pi'`: an address and the board that it is on. Ready unless conditions say otherwise. */
export const anEndpoint = (at: string, rest: Partial<Endpoint> = {}): Endpoint => {
  const [address = '', nodeName] = at.split('@');
  return { addresses: [address], nodeName, conditions: { ready: true }, ...rest };
};

/** Of Service `service`, with port 8080 named as {@link aService} names it. */
export const aSlice = (
  service: string,
  endpoints: readonly (string | Endpoint)[],
  rest: Partial<EndpointSlice> = {},
): EndpointSlice => ({
  metadata: {
    namespace: 'default',
    name: `${service}-1`,
    labels: { 'kubernetes.io/service-name': service },
  },
  addressType: 'IPv4',
  endpoints: endpoints.map((one) => (typeof one === 'string' ? anEndpoint(one) : one)),
  ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
  ...rest,
});

/** As board `pi` sees it. */
export const anInput = (
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  rest: Partial<ServicesInput> = {},
): ServicesInput => ({
  services,
  slices,
  family: IPV4,
  nodeName: 'pi',
  zone: undefined,
  dnsAddress: '10.43.0.10',
  clusterCidr: '10.42.0.0/16',
  serviceCidr: '10.43.0.0/16',
  podCidrs: ['10.42.1.0/24'],
  bridgeFiltered: true,
  masqueradePods: true,
  ...rest,
});
