import { type FieldError, forbiddenField } from '#proto/meta/field-error.ts';
import type { Container, EphemeralContainer, PodSpec } from '#proto/schema/generated/core-v1.ts';
import { eachAt, oneOf } from '#server/registry/validation/field-checks.ts';

const FIELDS_BEFORE = ['seccompProfile', 'fsGroup', 'fsGroupChangePolicy', 'sysctls'] as const;
const FIELDS_AFTER = ['runAsUser', 'runAsGroup', 'supplementalGroups', 'supplementalGroupsPolicy'] as const;
const CONTAINER_FIELDS = [
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const;

const NOT_ON_LINUX = 'windows options cannot be set for a linux pod';
const NOT_ON_WINDOWS = 'cannot be set for a windows pod';

/** The operating system that a Pod names, and the fields that mean nothing there. Rule: upstream's `validateOS`. */
export function validateOs(spec: PodSpec, path: string): FieldError[] {
  const { os } = spec;
  if (!os) return [];
  if (!os.name) return oneOf(`${path}.os.name`, os.name, []);
  if (os.name === 'linux') return validateLinux(spec, path);
  if (os.name === 'windows') return validateWindows(spec, path);
  return oneOf(`${path}.os`, os.name, ['linux', 'windows']);
}

const validateLinux = (spec: PodSpec, path: string): FieldError[] => [
  ...(spec.securityContext?.windowsOptions
    ? [forbiddenField(`${path}.securityContext.windowsOptions`, NOT_ON_LINUX)]
    : []),
  ...eachContainer(spec, path, ({ securityContext }, at) =>
    securityContext?.windowsOptions
      ? [forbiddenField(`${at}.securityContext.windowsOptions`, NOT_ON_LINUX)]
      : [],
  ),
];

function validateWindows(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const forbid = (at: string, given: boolean): void => {
    if (given) errors.push(forbiddenField(at, NOT_ON_WINDOWS));
  };
  const context = `${path}.securityContext`;
  const { securityContext = {} } = spec;
  forbid(`${context}.seLinuxOptions`, isSet(securityContext.seLinuxOptions));
  forbid(`${path}.hostUsers`, spec.hostUsers !== undefined);
  forbid(`${path}.hostPID`, spec.hostPID === true);
  forbid(`${path}.hostIPC`, spec.hostIPC === true);
  for (const field of FIELDS_BEFORE) forbid(`${context}.${field}`, isSet(securityContext[field]));
  forbid(`${path}.shareProcessNamespace`, spec.shareProcessNamespace === true);
  for (const field of FIELDS_AFTER) forbid(`${context}.${field}`, isSet(securityContext[field]));
  return [...errors, ...eachContainer(spec, path, validateWindowsContainer)];
}

const validateWindowsContainer = ({ securityContext }: AnyContainer, path: string): FieldError[] =>
  CONTAINER_FIELDS.filter((field) => isSet(securityContext?.[field])).map((field) =>
    forbiddenField(`${path}.securityContext.${field}`, NOT_ON_WINDOWS),
  );

type AnyContainer = Container | EphemeralContainer;

const eachContainer = (
  spec: PodSpec,
  path: string,
  check: (container: AnyContainer, path: string) => FieldError[],
): FieldError[] => [
  ...eachAt(spec.containers, `${path}.containers`, check),
  ...eachAt(spec.initContainers, `${path}.initContainers`, check),
  ...eachAt(spec.ephemeralContainers, `${path}.ephemeralContainers`, check),
];

/** An empty list says nothing. */
const isSet = (value: unknown): boolean =>
  value !== undefined && !(Array.isArray(value) && value.length === 0);
