import { type FieldError, required } from '#proto/meta/field-error.ts';
import type { EndpointSubset, Endpoints } from '#proto/schema/generated/core-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { validateIp } from '#server/registry/validation/addresses.ts';
import { eachAt, oneOf, problemsAt } from '#server/registry/validation/field-checks.ts';
import { dnsLabelProblems, portNumberProblems } from '#server/registry/validation/names.ts';
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
    ...eachAt(addresses, `${path}.addresses`, ({ ip }, at) => validateIp(ip, `${at}.ip`)),
    ...eachAt(notReadyAddresses, `${path}.notReadyAddresses`, ({ ip }, at) => validateIp(ip, `${at}.ip`)),
    ...eachAt(ports, `${path}.ports`, ({ name, port, protocol }, at) => [
      ...(ports.length > 1 && !name ? [required(`${at}.name`)] : []),
      ...(name ? problemsAt(`${at}.name`, name, dnsLabelProblems(name)) : []),
      ...problemsAt(`${at}.port`, port, portNumberProblems(port)),
      ...oneOf(`${at}.protocol`, protocol, PROTOCOLS),
    ]),
  ];
}
