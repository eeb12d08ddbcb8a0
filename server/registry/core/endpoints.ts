import { type FieldError, required } from '#proto/meta/field-error.ts';
import { labelKeyProblems } from '#proto/meta/label-syntax.ts';
import type { EndpointAddress, EndpointSubset, Endpoints } from '#proto/schema/generated/core-v1.ts';
import { validateEndpointIp } from '#server/registry/core/service-addresses.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt, oneOf, problemsAt } from '#server/registry/validation/field-checks.ts';
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  portNumberProblems,
} from '#server/registry/validation/names.ts';
import { PROTOCOLS } from '#server/registry/validation/pod/containers.ts';

/** Endpoints: addresses and ports in subsets. */
export const endpoints: Strategy<Endpoints> = {
  applyDefaults: ({ subsets }) => {
    for (const port of (subsets ?? []).flatMap((subset) => subset.ports ?? [])) port.protocol ||= 'TCP';
  },
  validate: ({ subsets }) => eachAt(subsets, 'subsets', validateSubset),
};

function validateSubset(subset: EndpointSubset, path: string): FieldError[] {
  const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
  if (addresses.length + notReadyAddresses.length === 0) {
    return [required(path, 'must specify `addresses` or `notReadyAddresses`')];
  }
  return [
    ...eachAt(addresses, `${path}.addresses`, validateAddress),
    ...eachAt(notReadyAddresses, `${path}.notReadyAddresses`, validateAddress),
    ...eachAt(ports, `${path}.ports`, ({ name, port, protocol, appProtocol }, at) => [
      ...(ports.length > 1 && !name ? [required(`${at}.name`)] : []),
      ...(name ? problemsAt(`${at}.name`, name, dnsLabelProblems(name)) : []),
      ...problemsAt(`${at}.port`, port, portNumberProblems(port)),
      ...oneOf(`${at}.protocol`, protocol, PROTOCOLS),
      ...(appProtocol ? problemsAt(`${at}.appProtocol`, appProtocol, labelKeyProblems(appProtocol)) : []),
    ]),
  ];
}

const validateAddress = ({ ip, hostname, nodeName }: EndpointAddress, path: string): FieldError[] => [
  ...validateEndpointIp(ip, `${path}.ip`),
  ...(hostname ? problemsAt(`${path}.hostname`, hostname, dnsLabelProblems(hostname)) : []),
  ...(nodeName ? problemsAt(`${path}.nodeName`, nodeName, dnsSubdomainProblems(nodeName)) : []),
];
