import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalidValue,
  required,
} from '#proto/meta/field-error.ts';
import { labelKeyProblems } from '#proto/meta/label-syntax.ts';
import type { Service, ServicePort, ServiceSpec } from '#proto/schema/generated/core-v1.ts';
import { validateAddresses, validateExternalIp } from '#server/registry/core/service-addresses.ts';
import { validateServiceStatus } from '#server/registry/core/service-status.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { validateCidr } from '#server/registry/validation/addresses.ts';
import { eachAt, named, oneOf, oneOfOptional, problemsAt } from '#server/registry/validation/field-checks.ts';
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  portNumberProblems,
} from '#server/registry/validation/names.ts';
import { validateLabels } from '#server/registry/validation/object-meta.ts';
import { PROTOCOLS } from '#server/registry/validation/pod/containers.ts';
import { validatePortRef } from '#server/registry/validation/pod/probes.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const AFFINITY_SECONDS = 10_800;
const MAX_AFFINITY_SECONDS = 86_400;

/**
 * Services. Addresses and node ports are given by the API server's allocator before validation.
 * Rule: upstream's `pkg/registry/core/service/strategy.go`.
 */
export const service: Strategy<Service> = {
  nameRule: 'dns1035-label',
  generation: false,
  applyDefaults: (object) => {
    object.spec ??= {};
    applySpecDefaults(object.spec);
    for (const ingress of object.status?.loadBalancer?.ingress ?? [])
      if (ingress.ip) ingress.ipMode ??= 'VIP';
  },
  prepareForCreate: (object) => {
    object.status = { loadBalancer: {} };
  },
  prepareForUpdate: (object, old, { subresource }) => {
    if (subresource) return;
    dropForeign(object.spec, old.spec);
    if (old.spec.type === 'LoadBalancer' && object.spec.type !== 'LoadBalancer')
      object.status = { ...object.status, loadBalancer: {} };
  },
  validate: ({ spec }, { subresource }) => (subresource ? [] : validateSpec(spec)),
  validateUpdate: (object, old, { subresource }) =>
    subresource ? validateServiceStatus(object) : validateAddressUpdate(object.spec, old.spec),
  warnings: ({ spec }) =>
    spec.trafficDistribution === 'PreferClose'
      ? ['spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"']
      : [],
};

function applySpecDefaults(spec: ServiceSpec): void {
  spec.type ||= 'ClusterIP';
  spec.sessionAffinity ||= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (
    spec.sessionAffinity === 'ClientIP' &&
    spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined
  ) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: AFFINITY_SECONDS } };
  }
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP';
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '')
      port.targetPort = port.port;
  }
  const isExternal = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
  const isReachable = isExternal || (spec.type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0);
  if (isReachable) spec.externalTrafficPolicy ||= 'Cluster';
  if (isExternal || spec.type === 'ClusterIP') spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
}

/** What an older type left behind goes, unless the user changed it, which is then for validation to refuse. */
function dropForeign(spec: ServiceSpec, old: ServiceSpec): void {
  if (spec.type !== 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === old.allocateLoadBalancerNodePorts) {
      delete spec.allocateLoadBalancerNodePorts;
    }
    if (spec.loadBalancerClass === old.loadBalancerClass) delete spec.loadBalancerClass;
  }
  const isExternal = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
  if (isExternal || old.type === spec.type) return;
  const before = new Set(old.ports?.map((port) => port.nodePort));
  for (const port of spec.ports ?? []) if (before.has(port.nodePort)) delete port.nodePort;
  if (!spec.externalIPs?.length && spec.externalTrafficPolicy === old.externalTrafficPolicy) {
    delete spec.externalTrafficPolicy;
  }
}

const isHeadless = (spec: ServiceSpec): boolean =>
  spec.clusterIP === 'None' || spec.clusterIPs?.[0] === 'None';

function validateSpec(spec: ServiceSpec): FieldError[] {
  const { ports = [] } = spec;
  const errors: FieldError[] = [];
  if (ports.length === 0 && !isHeadless(spec) && spec.type !== 'ExternalName')
    errors.push(required('spec.ports'));
  const names = new Set<string>();
  return [
    ...errors,
    ...validateType(spec),
    ...validateAddresses(spec),
    ...eachAt(ports, 'spec.ports', (port, at) => validatePort(port, ports.length > 1, names, at)),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...oneOf('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']),
    ...validateAffinitySeconds(spec),
    ...eachAt(spec.externalIPs, 'spec.externalIPs', validateExternalIp),
    ...oneOf('spec.type', spec.type, TYPES),
    ...validateNodePorts(spec),
    ...validateUniquePorts(ports),
    ...validateBalancer(spec),
    ...validateTraffic(spec),
  ];
}

function validateType(spec: ServiceSpec): FieldError[] {
  if (spec.type === 'LoadBalancer' || spec.type === 'NodePort') {
    if (!isHeadless(spec)) return [];
    return [invalidValue('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`)];
  }
  if (spec.type !== 'ExternalName') return [];
  const errors = (['clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const)
    .filter((field) => (spec[field]?.length ?? 0) > 0)
    .map((field) => forbiddenField(`spec.${field}`, 'may not be set for ExternalName services'));
  const name = spec.externalName?.replace(/\.$/, '');
  return [...errors, ...named('spec.externalName', name, dnsSubdomainProblems)];
}

function validatePort(port: ServicePort, needsName: boolean, names: Set<string>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (port.name) {
    errors.push(...problemsAt(`${path}.name`, port.name, dnsLabelProblems(port.name)));
    if (names.has(port.name)) errors.push(duplicate(`${path}.name`, port.name));
    names.add(port.name);
  } else if (needsName) errors.push(required(`${path}.name`));
  return [
    ...errors,
    ...problemsAt(`${path}.port`, port.port ?? 0, portNumberProblems(port.port)),
    ...oneOf(`${path}.protocol`, port.protocol, PROTOCOLS),
    ...validatePortRef(port.targetPort, `${path}.targetPort`),
    ...(port.appProtocol
      ? problemsAt(`${path}.appProtocol`, port.appProtocol, labelKeyProblems(port.appProtocol))
      : []),
  ];
}

function validateAffinitySeconds({ sessionAffinity, sessionAffinityConfig }: ServiceSpec): FieldError[] {
  if (sessionAffinity !== 'ClientIP') return [];
  const path = 'spec.sessionAffinityConfig.clientIP.timeoutSeconds';
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (seconds === undefined) return [required(path)];
  if (seconds > 0 && seconds <= MAX_AFFINITY_SECONDS) return [];
  return [invalidValue(path, seconds, `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`)];
}

function validateNodePorts(spec: ServiceSpec): FieldError[] {
  const seen = new Set<string>();
  return eachAt(spec.ports, 'spec.ports', ({ nodePort, protocol }, at) => {
    if (!nodePort) return [];
    const errors: FieldError[] = [];
    if (spec.type === 'ClusterIP') {
      errors.push(forbiddenField(`${at}.nodePort`, "may not be used when `type` is 'ClusterIP'"));
    }
    const key = `${protocol}/${nodePort}`;
    if (seen.has(key)) errors.push(duplicate(`${at}.nodePort`, nodePort));
    seen.add(key);
    return errors;
  });
}

function validateUniquePorts(ports: readonly ServicePort[]): FieldError[] {
  const seen = new Set<string>();
  return eachAt(ports, 'spec.ports', ({ port, protocol }, at) => {
    const key = `${protocol}/${port}`;
    if (seen.has(key)) return [duplicate(at, { protocol, port })];
    seen.add(key);
    return [];
  });
}

function validateBalancer(spec: ServiceSpec): FieldError[] {
  const only = "may only be used when `type` is 'LoadBalancer'";
  const isBalancer = spec.type === 'LoadBalancer';
  // Upstream spells this one with a capital letter.
  const path = 'spec.LoadBalancerSourceRanges';
  const ranges = spec.loadBalancerSourceRanges ?? [];
  const errors = ranges.length > 0 && !isBalancer ? [forbiddenField(path, only)] : [];
  errors.push(...eachAt(ranges, path, (range, at) => validateCidr(range.trim(), at)));
  for (const field of ['allocateLoadBalancerNodePorts', 'loadBalancerClass'] as const) {
    if (spec[field] !== undefined && !isBalancer) errors.push(forbiddenField(`spec.${field}`, only));
  }
  const { loadBalancerClass: loadBalancer } = spec;
  if (isBalancer && loadBalancer !== undefined)
    errors.push(...problemsAt('spec.loadBalancerClass', loadBalancer, labelKeyProblems(loadBalancer)));
  return errors;
}

function validateTraffic(spec: ServiceSpec): FieldError[] {
  const policies = ['Cluster', 'Local'];
  const isReachable =
    spec.type === 'NodePort' ||
    spec.type === 'LoadBalancer' ||
    (spec.type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0);
  const errors: FieldError[] = [];
  if (spec.externalTrafficPolicy && !isReachable) {
    const detail = 'may only be set for externally-accessible services';
    errors.push(invalidValue('spec.externalTrafficPolicy', spec.externalTrafficPolicy, detail));
  } else if (isReachable) {
    errors.push(...oneOf('spec.externalTrafficPolicy', spec.externalTrafficPolicy, policies));
  }
  if (spec.healthCheckNodePort && !(spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local')) {
    const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(invalidValue('spec.healthCheckNodePort', spec.healthCheckNodePort, detail));
  }
  return [
    ...errors,
    ...oneOfOptional('spec.internalTrafficPolicy', spec.internalTrafficPolicy, policies),
    ...oneOfOptional('spec.trafficDistribution', spec.trafficDistribution, [
      'PreferClose',
      'PreferSameNode',
      'PreferSameZone',
    ]),
  ];
}

/** An address is kept for life, unless the Service changes to or from a type without one. */
function validateAddressUpdate(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
  if (spec.type === 'ExternalName' || old.type === 'ExternalName') return [];
  const detail = 'may not change once set';
  if (old.clusterIP && spec.clusterIP !== old.clusterIP) {
    return [invalidValue('spec.clusterIPs[0]', spec.clusterIPs?.[0] ?? spec.clusterIP, detail)];
  }
  for (const [i, before] of (old.clusterIPs ?? []).entries()) {
    const now = spec.clusterIPs?.[i];
    if (now !== before && (i === 0 || now !== undefined))
      return [invalidValue(`spec.clusterIPs[${i}]`, i === 0 ? now : spec.clusterIPs, detail)];
  }
  return [];
}
