import { isIP } from 'node:net';
import { duplicate, type FieldError, invalidValue, required, tooMany } from '#proto/meta/field-error.ts';
import { labelKeyProblems, labelValueProblems } from '#proto/meta/label-syntax.ts';
import type { Endpoint, EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import { validateEndpointIp } from '#server/registry/core/service-addresses.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt, immutable, oneOf, problemsAt } from '#server/registry/validation/field-checks.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from '#server/registry/validation/names.ts';
import { PROTOCOLS } from '#server/registry/validation/pod/containers.ts';

const MAX_ENDPOINTS = 1000;
const MAX_PORTS = 100;
const MAX_ADDRESSES = 100;
const MAX_HINTS = 8;

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
      ...validatePorts(ports),
      ...eachAt(endpoints, 'endpoints', (endpoint, at) => validateEndpoint(endpoint, addressType, at)),
    ];
  },
  validateUpdate: (object, old) => immutable('addressType', object.addressType, old.addressType),
};

function validateEndpoint(endpoint: Endpoint, type: string, path: string): FieldError[] {
  const { addresses = [], hostname, nodeName, hints } = endpoint;
  const errors: FieldError[] = [];
  if (addresses.length === 0) errors.push(required(`${path}.addresses`, 'must contain at least 1 address'));
  if (addresses.length > MAX_ADDRESSES) {
    errors.push(tooMany(`${path}.addresses`, addresses.length, MAX_ADDRESSES));
  }
  return [
    ...errors,
    ...addresses.flatMap((address, i) => validateAddress(address, type, `${path}.addresses`, i)),
    ...(nodeName ? problemsAt(`${path}.nodeName`, nodeName, dnsSubdomainProblems(nodeName)) : []),
    ...(hostname ? problemsAt(`${path}.hostname`, hostname, dnsLabelProblems(hostname)) : []),
    ...validateHints(hints?.forZones, labelValueProblems, `${path}.hints.forZones`),
    ...validateHints(hints?.forNodes, dnsSubdomainProblems, `${path}.hints.forNodes`),
  ];
}

/** An address of the other family is a problem of the whole list. */
function validateAddress(address: string, type: string, path: string, index: number): FieldError[] {
  const at = `${path}[${index}]`;
  if (type === 'FQDN') return problemsAt(at, address, dnsSubdomainProblems(address));
  if (type !== 'IPv4' && type !== 'IPv6') return [];
  const family = isIP(address);
  if (family !== 0 && family !== (type === 'IPv6' ? 6 : 4)) {
    return [invalidValue(path, address, `must be an ${type} address`)];
  }
  return validateEndpointIp(address, at);
}

/** Whom an endpoint is for: a short list of names, none of them twice. */
function validateHints(
  hints: readonly { readonly name?: string }[] | undefined,
  problems: (name: string) => string[],
  path: string,
): FieldError[] {
  if (hints && hints.length > MAX_HINTS) return [tooMany(path, hints.length, MAX_HINTS)];
  const names = new Set<string>();
  return eachAt(hints, path, ({ name = '' }, at) => {
    const errors: FieldError[] = [];
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    return [...errors, ...problemsAt(`${at}.name`, name, problems(name))];
  });
}

function validatePorts(ports: EndpointSlice['ports']): FieldError[] {
  const names = new Set<string>();
  return eachAt(ports, 'ports', ({ name = '', protocol, appProtocol }, at) => {
    const errors = name ? problemsAt(`${at}.name`, name, dnsLabelProblems(name)) : [];
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    return [
      ...errors,
      ...oneOf(`${at}.protocol`, protocol, PROTOCOLS),
      ...(appProtocol ? problemsAt(`${at}.appProtocol`, appProtocol, labelKeyProblems(appProtocol)) : []),
    ];
  });
}
