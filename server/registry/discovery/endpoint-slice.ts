import { isIP } from 'node:net';
import { duplicate, type FieldError, invalidValue, required, tooMany } from '#proto/meta/field-error.ts';
import type { Endpoint, EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt, immutable, oneOf, problemsAt } from '#server/registry/validation/field-checks.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from '#server/registry/validation/names.ts';
import { PROTOCOLS } from '#server/registry/validation/pod/containers.ts';

const MAX_ENDPOINTS = 1000;
const MAX_PORTS = 100;
const MAX_ADDRESSES = 100;

/** EndpointSlices. Rule: upstream's `pkg/apis/discovery/validation`. */
export const endpointSlice: Strategy<EndpointSlice> = {
  generation: true,
  applyDefaults: (object) => {
    object.endpoints ??= [];
    for (const port of object.ports ?? []) {
      port.name ??= '';
      port.protocol ??= 'TCP';
    }
  },
  validate: (object) => {
    const { endpoints, ports = [], addressType } = object;
    const errors = oneOf('addressType', addressType, ['FQDN', 'IPv4', 'IPv6']);
    if (endpoints.length > MAX_ENDPOINTS) errors.push(tooMany('endpoints', endpoints.length, MAX_ENDPOINTS));
    if (ports.length > MAX_PORTS) errors.push(tooMany('ports', ports.length, MAX_PORTS));
    return [
      ...errors,
      ...eachAt(endpoints, 'endpoints', (endpoint, at) => validateEndpoint(endpoint, addressType, at)),
      ...validatePorts(ports),
    ];
  },
  validateUpdate: (object, old) => immutable('addressType', object.addressType, old.addressType),
};

function validateEndpoint(endpoint: Endpoint, type: string, path: string): FieldError[] {
  const { addresses = [], hostname, nodeName } = endpoint;
  const errors: FieldError[] = [];
  if (addresses.length === 0) errors.push(required(`${path}.addresses`, 'must contain at least 1 address'));
  if (addresses.length > MAX_ADDRESSES) {
    errors.push(tooMany(`${path}.addresses`, addresses.length, MAX_ADDRESSES));
  }
  return [
    ...errors,
    ...eachAt(addresses, `${path}.addresses`, (address, at) => validateAddress(address, type, at)),
    ...(nodeName ? problemsAt(`${path}.nodeName`, nodeName, dnsSubdomainProblems(nodeName)) : []),
    ...(hostname ? problemsAt(`${path}.hostname`, hostname, dnsLabelProblems(hostname)) : []),
  ];
}

function validateAddress(address: string, type: string, path: string): FieldError[] {
  if (type === 'FQDN') return problemsAt(path, address, dnsSubdomainProblems(address));
  const family = type === 'IPv6' ? 6 : 4;
  return isIP(address) === family ? [] : [invalidValue(path, address, `must be an ${type} address`)];
}

function validatePorts(ports: EndpointSlice['ports']): FieldError[] {
  const names = new Set<string>();
  return eachAt(ports, 'ports', ({ name = '', protocol }, at) => {
    const errors = name ? problemsAt(`${at}.name`, name, dnsLabelProblems(name)) : [];
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    return [...errors, ...oneOf(`${at}.protocol`, protocol, PROTOCOLS)];
  });
}
