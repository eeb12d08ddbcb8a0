import {
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupportedInOrder,
  required,
} from '#proto/meta/field-error.ts';
import type {
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '#proto/schema/generated/networking-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { isStrictSubset, validateCidr } from '#server/registry/validation/addresses.ts';
import { eachAt, problemsAt } from '#server/registry/validation/field-checks.ts';
import { portNumberProblems } from '#server/registry/validation/names.ts';
import { PROTOCOLS } from '#server/registry/validation/pod/containers.ts';
import { validatePortRef } from '#server/registry/validation/pod/probes.ts';
import { validateLabelSelector } from '#server/registry/validation/selectors.ts';

const TYPES = ['Ingress', 'Egress'];

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
        TYPES.includes(type) ? [] : [notSupportedInOrder(at, type, TYPES)],
      ),
    ];
  },
};

function validatePort({ protocol, port, endPort }: NetworkPolicyPort, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (protocol && !PROTOCOLS.includes(protocol)) {
    errors.push(notSupportedInOrder(`${path}.protocol`, protocol, ['TCP', 'UDP', 'SCTP']));
  }
  if (port !== undefined) errors.push(...validatePortRef(port, `${path}.port`));
  if (endPort === undefined) return errors;
  if (port === undefined) {
    const detail = 'may not be specified when `port` is not specified';
    return [...errors, invalidValue(`${path}.endPort`, endPort, detail)];
  }
  if (typeof port === 'string') {
    const detail = 'may not be specified when `port` is non-numeric';
    return [...errors, invalidValue(`${path}.endPort`, endPort, detail)];
  }
  if (endPort < port) {
    errors.push(invalidValue(`${path}.endPort`, port, 'must be greater than or equal to `port`'));
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
  cidr ? validateBlockRange(cidr, except, path) : [required(`${path}.cidr`)];

/** Exceptions are only looked at where the range itself is good. */
function validateBlockRange(cidr: string, except: readonly string[] | undefined, path: string): FieldError[] {
  const errors = validateCidr(cidr, `${path}.cidr`);
  if (errors.length > 0) return errors;
  return eachAt(except, `${path}.except`, (part, at) => {
    const problems = validateCidr(part, at);
    if (problems.length > 0 || isStrictSubset(part, cidr)) return problems;
    return [invalidValue(at, part, 'must be a strict subset of `cidr`')];
  });
}
