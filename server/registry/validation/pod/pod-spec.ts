import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '#proto/meta/field-error.ts';
import { labelKeyProblems } from '#proto/meta/label-syntax.ts';
import type { PodResourceClaim, PodSpec, PodTemplateSpec } from '#proto/schema/generated/core-v1.ts';
import { validateIp } from '#server/registry/validation/addresses.ts';
import { eachAt, named, oneOf, oneOfOptional, problemsAt } from '#server/registry/validation/field-checks.ts';
import { between, dnsLabelProblems, dnsSubdomainProblems } from '#server/registry/validation/names.ts';
import { validateAnnotations, validateLabels } from '#server/registry/validation/object-meta.ts';
import { validateContainers } from '#server/registry/validation/pod/containers.ts';
import { validateOs } from '#server/registry/validation/pod/os.ts';
import {
  validateAffinity,
  validateToleration,
  validateTopologySpread,
} from '#server/registry/validation/pod/scheduling.ts';
import { validatePodSecurityContext } from '#server/registry/validation/pod/security.ts';
import { validateVolumes } from '#server/registry/validation/pod/volumes.ts';

const MAX_INT32 = 2 ** 31 - 1;
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'];

/**
 * The spec of a Pod, or of a template where `isPod` is false. Defaults have been applied.
 * Rule: upstream's `ValidatePodSpec`.
 */
export function validatePodSpec(spec: PodSpec, path: string, isPod: boolean): FieldError[] {
  const at = (field: string): string => `${path}.${field}`;
  return [
    ...validateVolumes(spec.volumes, at('volumes')),
    ...validateContainers(spec, path),
    ...validateHostNetwork(spec, path, isPod),
    ...oneOf(at('restartPolicy'), spec.restartPolicy, RESTART_POLICIES, true),
    ...oneOf(at('dnsPolicy'), spec.dnsPolicy, DNS_POLICIES, true),
    ...validateLabels(spec.nodeSelector, at('nodeSelector')),
    ...validatePodSecurityContext(spec, at('securityContext')),
    ...validateAffinity(spec.affinity, at('affinity')),
    ...validateDnsConfig(spec, at('dnsConfig')),
    ...eachAt(spec.readinessGates, at('readinessGates'), ({ conditionType }, p) =>
      problemsAt(`${p}.conditionType`, conditionType, labelKeyProblems(conditionType)),
    ),
    ...validateSchedulingGates(spec, at('schedulingGates')),
    ...validateTopologySpread(spec.topologySpreadConstraints, at('topologySpreadConstraints')),
    ...validateHostUsers(spec, path),
    ...validateNames(spec, path),
    ...validateDeadline(spec.activeDeadlineSeconds, at('activeDeadlineSeconds')),
    ...eachAt(spec.tolerations, at('tolerations'), validateToleration),
    ...eachAt(spec.hostAliases, at('hostAliases'), ({ ip, hostnames }, p) => [
      ...validateIp(ip ?? '', `${p}.ip`),
      ...eachAt(hostnames, `${p}.hostnames`, (name, n) => problemsAt(n, name, dnsSubdomainProblems(name))),
    ]),
    ...oneOfOptional(at('preemptionPolicy'), spec.preemptionPolicy, ['Never', 'PreemptLowerPriority']),
    ...validateOs(spec, path),
  ];
}

/** The template of a workload: labels, annotations and a spec. */
export function validatePodTemplate(template: PodTemplateSpec | undefined, path: string): FieldError[] {
  if (!template) return [required(path)];
  const spec = template.spec ?? { containers: [] };
  const errors = [
    ...validateLabels(template.metadata?.labels, `${path}.labels`),
    ...validateAnnotations(template.metadata?.annotations, `${path}.annotations`),
    ...validatePodSpec(spec, `${path}.spec`, false),
  ];
  if (spec.ephemeralContainers?.length) {
    const detail = 'ephemeral containers not allowed in pod template';
    errors.push(forbiddenField(`${path}.spec.ephemeralContainers`, detail));
  }
  return errors;
}

/** Templates of controllers that replace what ends: always restarted, never timed out. */
export function validateLastingTemplate(
  template: PodTemplateSpec | undefined,
  kind: string,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const { restartPolicy, activeDeadlineSeconds } = template?.spec ?? {};
  if (restartPolicy !== 'Always') {
    errors.push(notSupported(`${path}.spec.restartPolicy`, restartPolicy ?? '', ['Always']));
  }
  if (activeDeadlineSeconds !== undefined) {
    const detail = `activeDeadlineSeconds in ${kind} is not Supported`;
    errors.push(forbiddenField(`${path}.spec.activeDeadlineSeconds`, detail));
  }
  return errors;
}

function validateHostNetwork(spec: PodSpec, path: string, isPod: boolean): FieldError[] {
  if (!spec.hostNetwork) return [];
  return eachAt(spec.containers, `${path}.containers`, (container, at) =>
    eachAt(container.ports, `${at}.ports`, ({ hostPort = 0, containerPort }, port) => {
      if (hostPort === containerPort || (!isPod && hostPort === 0)) return [];
      const detail = 'must match `containerPort` when `hostNetwork` is true';
      return [invalidValue(`${port}.hostPort`, hostPort, detail)];
    }),
  );
}

function validateDnsConfig(spec: PodSpec, path: string): FieldError[] {
  const { dnsConfig, dnsPolicy } = spec;
  if (dnsPolicy === 'None') {
    if (!dnsConfig) return [required(path, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    if (!dnsConfig.nameservers?.length) {
      const detail = 'must provide at least one DNS nameserver when `dnsPolicy` is None';
      return [required(`${path}.nameservers`, detail)];
    }
  }
  if (!dnsConfig) return [];
  const { nameservers = [], searches = [], options = [] } = dnsConfig;
  const errors: FieldError[] = [];
  if (nameservers.length > 3) {
    errors.push(invalidValue(`${path}.nameservers`, nameservers, 'must not have more than 3 nameservers'));
  }
  errors.push(...eachAt(nameservers, `${path}.nameservers`, validateIp));
  if (searches.length > 32) {
    errors.push(invalidValue(`${path}.searches`, searches, 'must not have more than 32 search paths'));
  }
  if (searches.join(' ').length > 2048) {
    const detail = 'must not have more than 2048 characters (including spaces) in the search list';
    errors.push(invalidValue(`${path}.searches`, searches, detail));
  }
  return [
    ...errors,
    ...eachAt(searches, `${path}.searches`, (search, at) => {
      const name = search.replace(/\.$/, '');
      return search === '.' ? [] : problemsAt(at, name, dnsSubdomainProblems(name.replaceAll('_', 'a')));
    }),
    ...eachAt(options, `${path}.options`, ({ name }, at) =>
      name ? [] : [required(at, 'must not be empty')],
    ),
  ];
}

function validateSchedulingGates(spec: PodSpec, path: string): FieldError[] {
  const seen = new Set<string>();
  return eachAt(spec.schedulingGates, path, ({ name }, at) => {
    if (seen.has(name)) return [duplicate(at, name)];
    seen.add(name);
    return problemsAt(at, name, labelKeyProblems(name));
  });
}

function validateHostUsers(spec: PodSpec, path: string): FieldError[] {
  if (spec.hostUsers !== false) return [];
  const errors: FieldError[] = [];
  const detail = 'when `hostUsers` is false';
  if (spec.hostNetwork) errors.push(forbiddenField(`${path}.hostNetwork`, detail));
  if (spec.hostPID) errors.push(forbiddenField(`${path}.HostPID`, detail));
  if (spec.hostIPC) errors.push(forbiddenField(`${path}.HostIPC`, detail));
  return errors;
}

/** Names of other things: a service account, a node, a class. */
function validateNames(spec: PodSpec, path: string): FieldError[] {
  const check = (
    field:
      | 'hostname'
      | 'subdomain'
      | 'serviceAccountName'
      | 'nodeName'
      | 'priorityClassName'
      | 'runtimeClassName',
    problems: (name: string) => string[],
  ): FieldError[] => {
    const name = spec[field];
    return name ? problemsAt(`${path}.${field}`, name, problems(name)) : [];
  };
  return [
    ...check('serviceAccountName', dnsSubdomainProblems),
    ...check('nodeName', dnsSubdomainProblems),
    ...check('hostname', dnsLabelProblems),
    ...check('subdomain', dnsLabelProblems),
    ...check('priorityClassName', dnsSubdomainProblems),
    ...check('runtimeClassName', dnsSubdomainProblems),
    ...eachAt(spec.resourceClaims, `${path}.resourceClaims`, (claim, at) => [
      ...named(`${at}.name`, claim.name, dnsLabelProblems),
      ...validateClaimSource(claim, at),
    ]),
  ];
}

/** With the claim as upstream prints it. */
function validateClaimSource(claim: PodResourceClaim, path: string): FieldError[] {
  const { name, resourceClaimName: own, resourceClaimTemplateName: template } = claim;
  if (Boolean(own) !== Boolean(template)) return [];
  const printed = { Name: name, ResourceClaimName: own ?? null, ResourceClaimTemplateName: template ?? null };
  const detail = own
    ? 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified'
    : 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`';
  return [invalidValue(path, printed, detail)];
}

const validateDeadline = (seconds: number | undefined, path: string): FieldError[] =>
  seconds === undefined || (seconds >= 1 && seconds <= MAX_INT32)
    ? []
    : [invalidValue(path, seconds, between(1, MAX_INT32))];
