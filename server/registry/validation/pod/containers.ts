import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalidValue,
  notFoundField,
  notSupported,
  required,
} from '#proto/meta/field-error.ts';
import type { Container, ContainerPort, PodSpec } from '#proto/schema/generated/core-v1.ts';
import { validateIp } from '#server/registry/validation/addresses.ts';
import { eachAt, named, oneOf, problemsAt } from '#server/registry/validation/field-checks.ts';
import { dnsLabelProblems, portNameProblems, portNumberProblems } from '#server/registry/validation/names.ts';
import { validateEnv, validateEnvFrom } from '#server/registry/validation/pod/environment.ts';
import { validateProbes } from '#server/registry/validation/pod/probes.ts';
import { validateSecurityContext } from '#server/registry/validation/pod/security.ts';
import { validateVolumeMounts } from '#server/registry/validation/pod/volumes.ts';
import { validateResources } from '#server/registry/validation/quantities.ts';

export const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const NOT_FOR_INIT = 'may not be set for init containers without restartPolicy=Always';

/** What a container's fields may refer to. */
interface Surroundings {
  readonly volumes: ReadonlySet<string>;
  readonly claims: ReadonlySet<string>;
  readonly hostUsers: boolean;
  readonly graceSeconds: number | undefined;
}

/** All containers of a Pod. Rule: upstream's `validateContainers` and its siblings. */
export function validateContainers(spec: PodSpec, path: string): FieldError[] {
  const around: Surroundings = {
    volumes: new Set(spec.volumes?.map((volume) => volume.name)),
    claims: new Set(spec.resourceClaims?.map((claim) => claim.name)),
    hostUsers: spec.hostUsers !== false,
    graceSeconds: spec.terminationGracePeriodSeconds,
  };
  return [
    ...validateMain(spec.containers ?? [], around, `${path}.containers`),
    ...validateInit(spec, around, `${path}.initContainers`),
    ...validateEphemeral(spec, around, `${path}.ephemeralContainers`),
  ];
}

function validateMain(containers: readonly Container[], around: Surroundings, path: string): FieldError[] {
  if (containers.length === 0) return [required(path)];
  const names = new Set<string>();
  const errors = eachAt(containers, path, (container, at) => [
    ...validateCommon(container, around, at),
    ...validateUnique(container.name, names, at),
    ...validateProbes(container, around.graceSeconds, at),
    ...validateRestartPolicy(container, at),
  ]);
  return [...errors, ...validateHostPorts(containers, path)];
}

function validateInit(spec: PodSpec, around: Surroundings, path: string): FieldError[] {
  const names = new Set(spec.containers?.map((container) => container.name));
  return eachAt(spec.initContainers, path, (container, at) => {
    const errors = [...validateCommon(container, around, at), ...validateRestartPolicy(container, at)];
    errors.push(...validateUnique(container.name, names, at), ...validateHostPorts([container], path));
    if (container.restartPolicy === 'Always') {
      return [...errors, ...validateProbes(container, around.graceSeconds, at)];
    }
    for (const field of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
      if (container[field]) errors.push(forbiddenField(`${at}.${field}`, NOT_FOR_INIT));
    }
    return errors;
  });
}

const FORBIDDEN_FOR_EPHEMERAL = [
  'ports',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'resources',
] as const;

function validateEphemeral(spec: PodSpec, around: Surroundings, path: string): FieldError[] {
  const others = new Set([...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((c) => c.name));
  const names = new Set(others);
  return eachAt(spec.ephemeralContainers, path, (container, at) => {
    const errors = [...validateCommon(container, around, at), ...validateUnique(container.name, names, at)];
    const target = container.targetContainerName;
    if (target && !others.has(target)) {
      errors.push(notFoundField(`${at}.targetContainerName`, target));
    }
    for (const field of FORBIDDEN_FOR_EPHEMERAL) {
      const value = container[field];
      if (value !== undefined && Object.keys(value).length > 0) {
        errors.push(forbiddenField(`${at}.${field}`, 'cannot be set for an Ephemeral Container'));
      }
    }
    return errors;
  });
}

function validateUnique(name: string, names: Set<string>, path: string): FieldError[] {
  if (names.has(name)) return [duplicate(`${path}.name`, name)];
  if (name) names.add(name);
  return [];
}

function validateCommon(container: Container, around: Surroundings, path: string): FieldError[] {
  const errors = named(`${path}.name`, container.name, dnsLabelProblems);
  const { image } = container;
  if (!image) errors.push(required(`${path}.image`));
  else if (image !== image.trim()) {
    errors.push(invalidValue(`${path}.image`, image, 'must not have leading or trailing whitespace'));
  }
  const policies = ['File', 'FallbackToLogsOnError'];
  const isPrivileged = container.securityContext?.privileged === true;
  return [
    ...errors,
    ...oneOf(`${path}.terminationMessagePolicy`, container.terminationMessagePolicy, policies, true),
    ...validatePorts(container.ports, `${path}.ports`),
    ...eachAt(container.env, `${path}.env`, validateEnv),
    ...validateEnvFrom(container.envFrom, `${path}.envFrom`),
    ...validateVolumeMounts(container.volumeMounts, around.volumes, isPrivileged, `${path}.volumeMounts`),
    ...validateVolumeDevices(container, around.volumes, `${path}.volumeDevices`),
    ...oneOf(`${path}.imagePullPolicy`, container.imagePullPolicy, ['Always', 'IfNotPresent', 'Never']),
    ...validateResources(container.resources, around.claims, `${path}.resources`),
    ...validateResizePolicies(container, `${path}.resizePolicy`),
    ...validateSecurityContext(container.securityContext, `${path}.securityContext`, around.hostUsers),
  ];
}

/** Raw devices. Rule: upstream's `validateVolumeDevices`. */
function validateVolumeDevices(
  { volumeDevices, volumeMounts }: Container,
  volumes: ReadonlySet<string>,
  path: string,
): FieldError[] {
  const [names, paths] = [new Set<string>(), new Set<string>()];
  const mounted = new Set(volumeMounts?.map((mount) => mount.name));
  return eachAt(volumeDevices, path, ({ name, devicePath }, at) => {
    const errors: FieldError[] = [];
    if (!name) errors.push(required(`${at}.name`));
    if (names.has(name)) errors.push(invalidValue(`${at}.name`, name, 'must be unique'));
    if (name && !volumes.has(name)) errors.push(notFoundField(`${at}.name`, name));
    if (!devicePath) errors.push(required(`${at}.devicePath`));
    else if (paths.has(devicePath))
      errors.push(invalidValue(`${at}.devicePath`, devicePath, 'must be unique'));
    else if (devicePath.split('/').includes('..'))
      errors.push(invalidValue(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')"));
    if (mounted.has(name))
      errors.push(invalidValue(`${at}.name`, name, 'must not already exist in volumeMounts'));
    names.add(name);
    paths.add(devicePath);
    return errors;
  });
}

const RESIZABLE = ['cpu', 'memory'];
const RESIZES = ['NotRequired', 'RestartContainer'];

/** What a change of a resource asks of the container. Rule: upstream's `validateResizePolicy`. */
function validateResizePolicies({ resizePolicy, restartPolicy }: Container, path: string): FieldError[] {
  const seen = new Set<string>();
  return (resizePolicy ?? []).flatMap(({ resourceName, restartPolicy: policy }) => {
    const errors: FieldError[] = [];
    if (seen.has(resourceName)) errors.push(duplicate(path, resourceName));
    seen.add(resourceName);
    if (!resourceName) errors.push(required(path));
    else if (!RESIZABLE.includes(resourceName)) errors.push(notSupported(path, resourceName, RESIZABLE));
    if (!policy) errors.push(required(path));
    else if (!RESIZES.includes(policy)) errors.push(notSupported(path, policy, RESIZES));
    if (restartPolicy === 'Never' && policy === 'RestartContainer')
      errors.push(invalidValue(path, policy, "must be 'NotRequired' when `restartPolicy` is 'Never'"));
    return errors;
  });
}

function validateRestartPolicy(container: Container, path: string): FieldError[] {
  const { restartPolicy, restartPolicyRules } = container;
  const supported = ['Always', 'Never', 'OnFailure'];
  if (restartPolicy !== undefined) {
    return supported.includes(restartPolicy)
      ? []
      : [notSupported(`${path}.restartPolicy`, restartPolicy, supported)];
  }
  if (!restartPolicyRules?.length) return [];
  return [required(`${path}.restartPolicy`, 'must specify restartPolicy when restart rules are used')];
}

function validatePorts(ports: readonly ContainerPort[] | undefined, path: string): FieldError[] {
  const names = new Set<string>();
  return eachAt(ports, path, (port, at) => {
    const errors: FieldError[] = [];
    if (port.name) {
      const problems = portNameProblems(port.name);
      errors.push(...problemsAt(`${at}.name`, port.name, problems));
      if (problems.length === 0) errors.push(...validateUnique(port.name, names, at));
    }
    if (!port.containerPort) errors.push(required(`${at}.containerPort`));
    else {
      const problems = portNumberProblems(port.containerPort);
      errors.push(...problemsAt(`${at}.containerPort`, port.containerPort, problems));
    }
    if (port.hostPort) {
      errors.push(...problemsAt(`${at}.hostPort`, port.hostPort, portNumberProblems(port.hostPort)));
    }
    if (port.hostIP) errors.push(...validateIp(port.hostIP, `${at}.hostIP`));
    return [...errors, ...oneOf(`${at}.protocol`, port.protocol, PROTOCOLS)];
  });
}

function validateHostPorts(containers: readonly Container[], path: string): FieldError[] {
  const seen = new Set<string>();
  return eachAt(containers, path, (container, at) =>
    eachAt(container.ports, `${at}.ports`, (port, portPath) => {
      if (!port.hostPort) return [];
      const key = `${port.protocol ?? ''}/${port.hostIP ?? ''}/${port.hostPort}`;
      if (seen.has(key)) return [duplicate(`${portPath}.hostPort`, key)];
      seen.add(key);
      return [];
    }),
  );
}
