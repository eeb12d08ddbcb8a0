import {
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '#proto/meta/field-error.ts';
import type {
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '#proto/schema/generated/networking-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { validateCidr } from '#server/registry/validation/addresses.ts';
import { eachAt, problemsAt } from '#server/registry/validation/field-checks.ts';
import { portNumberProblems } from '#server/registry/validation/names.ts';
import { PROTOCOLS } from '#server/registry/validation/pod/containers.ts';
import { validatePortRef } from '#server/registry/validation/pod/probes.ts';
import { validateLabelSelector } from '#server/registry/validation/selectors.ts';

const TYPES = ['Egress', 'Ingress'];

/** NetworkPolicies. Rule: upstream's `ValidateNetworkPolicySpec`. */
export const networkPolicy: Strategy<NetworkPolicy> = {
  applyDefaults: (object) => {
    object.spec ??= { podSelector: {} };
    const { spec } = object;
    spec.podSelector ??= {};
    for (const port of [...(spec.ingress ?? []), ...(spec.egress ?? [])].flatMap(
      (rule) => rule.ports ?? [],
    )) {
      port.protocol ??= 'TCP';
    }
    if (!spec.policyTypes?.length)
      spec.policyTypes = spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'];
  },
  validate: ({ spec }) => {
    const errors: FieldError[] = [];
    const types = spec.policyTypes ?? [];
    if (types.length > TYPES.length) {
      errors.push(invalidValue('spec.policyTypes', types, 'may not specify more than two policyTypes'));
    }
    return [
      ...validateLabelSelector(spec.podSelector, 'spec.podSelector'),
      ...eachAt(spec.ingress, 'spec.ingress', ({ ports, from }, at) => [
        ...eachAt(ports, `${at}.ports`, validatePort),
        ...eachAt(from, `${at}.from`, validatePeer),
      ]),
      ...eachAt(spec.egress, 'spec.egress', ({ ports, to }, at) => [
        ...eachAt(ports, `${at}.ports`, validatePort),
        ...eachAt(to, `${at}.to`, validatePeer),
      ]),
      ...errors,
      ...eachAt(types, 'spec.policyTypes', (type, at) =>
        TYPES.includes(type) ? [] : [notSupported(at, type, TYPES)],
      ),
    ];
  },
};

function validatePort({ protocol, port, endPort }: NetworkPolicyPort, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (protocol && !PROTOCOLS.includes(protocol)) {
    errors.push(notSupported(`${path}.protocol`, protocol, PROTOCOLS));
  }
  if (port !== undefined) errors.push(...validatePortRef(port, `${path}.port`));
  if (endPort === undefined) return errors;
  if (port === undefined)
    return [...errors, required(`${path}.port`, 'must be specified when `endPort` is specified')];
  if (typeof port === 'string') {
    const detail = 'may not be specified when `port` is non-numeric';
    return [...errors, invalidValue(`${path}.endPort`, endPort, detail)];
  }
  if (endPort < port) {
    errors.push(invalidValue(`${path}.endPort`, endPort, 'must be greater than or equal to `port`'));
  }
  return [...errors, ...problemsAt(`${path}.endPort`, endPort, portNumberProblems(endPort))];
}

function validatePeer(
  { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer,
  path: string,
): FieldError[] {
  const errors = [
    ...validateLabelSelector(podSelector, `${path}.podSelector`),
    ...validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`),
  ];
  if (ipBlock) errors.push(...validateBlock(ipBlock, `${path}.ipBlock`));
  if (!podSelector && !namespaceSelector && !ipBlock)
    return [...errors, required(path, 'must specify a peer')];
  if (ipBlock && (podSelector || namespaceSelector)) {
    errors.push(forbiddenField(path, 'may not specify both ipBlock and another peer'));
  }
  return errors;
}

const validateBlock = ({ cidr, except }: IPBlock, path: string): FieldError[] =>
  cidr
    ? [...validateCidr(cidr, `${path}.cidr`), ...eachAt(except, `${path}.except`, validateCidr)]
    : [required(`${path}.cidr`)];
