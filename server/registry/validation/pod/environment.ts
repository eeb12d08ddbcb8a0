import { type FieldError, invalidValue, notSupported, required } from '#proto/meta/field-error.ts';
import { labelKeyProblems } from '#proto/meta/label-syntax.ts';
import type {
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  ObjectFieldSelector,
  ResourceFieldSelector,
} from '#proto/schema/generated/core-v1.ts';
import { named, problemsAt } from '#server/registry/validation/field-checks.ts';
import {
  configKeyProblems,
  dnsSubdomainProblems,
  envNameProblems,
} from '#server/registry/validation/names.ts';

const ENV_FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];

/** What a downward API file may show. */
export const VOLUME_FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.labels',
  'metadata.annotations',
  'metadata.uid',
];

/** All that the API converts, supported at this place or not. */
const KNOWN_FIELDS = new Set([
  ...ENV_FIELDS,
  ...VOLUME_FIELDS,
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
]);

const RESOURCE_FIELDS = ['limits', 'requests'].flatMap((kind) =>
  ['cpu', 'memory', 'ephemeral-storage'].map((name) => `${kind}.${name}`),
);

/** Environment variables. Rule: upstream's `ValidateEnv`. */
export const validateEnv = (env: EnvVar, path: string): FieldError[] => [
  ...named(`${path}.name`, env.name, envNameProblems),
  ...(env.valueFrom ? validateValueFrom(env.valueFrom, env.value, `${path}.valueFrom`) : []),
];

function validateValueFrom(from: EnvVarSource, value: string | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = from;
  if (fieldRef) errors.push(...validateFieldRef(fieldRef, ENV_FIELDS, `${path}.fieldRef`));
  if (resourceFieldRef) {
    errors.push(...validateResourceFieldRef(resourceFieldRef, `${path}.resourceFieldRef`, false));
  }
  if (configMapKeyRef) errors.push(...validateKeyRef(configMapKeyRef, `${path}.configMapKeyRef`));
  if (secretKeyRef) errors.push(...validateKeyRef(secretKeyRef, `${path}.secretKeyRef`));
  const sources = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef].filter(Boolean);
  if (sources.length === 0) {
    const detail =
      'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';
    errors.push(invalidValue(path, '', detail));
  } else if (value) errors.push(invalidValue(path, '', 'may not be specified when `value` is not empty'));
  else if (sources.length > 1) {
    errors.push(invalidValue(path, '', 'may not have more than one field specified at a time'));
  }
  return errors;
}

const validateKeyRef = (ref: { name?: string | undefined; key: string }, path: string): FieldError[] => [
  ...problemsAt(`${path}.name`, ref.name ?? '', dnsSubdomainProblems(ref.name ?? '')),
  ...named(`${path}.key`, ref.key, configKeyProblems),
];

/** A field of the Pod: `metadata.name`, `metadata.labels['app']`. */
export function validateFieldRef(
  ref: ObjectFieldSelector,
  supported: readonly string[],
  path: string,
): FieldError[] {
  if (!ref.apiVersion) return [required(`${path}.apiVersion`)];
  if (!ref.fieldPath) return [required(`${path}.fieldPath`)];
  const subscript = /^(.*)\['(.*)'\]$/.exec(ref.fieldPath);
  const base = subscript?.[1] ?? ref.fieldPath;
  const isKnown = subscript ? /^metadata\.(labels|annotations)$/.test(base) : KNOWN_FIELDS.has(base);
  if (!isKnown || ref.apiVersion !== 'v1') {
    const why =
      ref.apiVersion === 'v1'
        ? `field label not supported: ${ref.fieldPath}`
        : `unsupported pod version: ${ref.apiVersion}`;
    return [invalidValue(`${path}.fieldPath`, ref.fieldPath, `error converting fieldPath: ${why}`)];
  }
  if (subscript) {
    const key = subscript[2] ?? '';
    return problemsAt(path, key, labelKeyProblems(base === 'metadata.labels' ? key : key.toLowerCase()));
  }
  return supported.includes(base) ? [] : [notSupported(`${path}.fieldPath`, base, supported)];
}

/** A request or limit of a container: `limits.cpu`. A file must say of which one. */
export function validateResourceFieldRef(
  ref: ResourceFieldSelector,
  path: string,
  isFile: boolean,
): FieldError[] {
  if (isFile && !ref.containerName) return [required(`${path}.containerName`)];
  if (!ref.resource) return [required(`${path}.resource`)];
  if (RESOURCE_FIELDS.includes(ref.resource)) return [];
  if (/^(requests|limits)\.hugepages-/.test(ref.resource)) return [];
  return [notSupported(`${path}.resource`, ref.resource, RESOURCE_FIELDS)];
}

/** Whole ConfigMaps and Secrets as variables. The path of a missing source is the list's, as upstream has it. */
export function validateEnvFrom(sources: readonly EnvFromSource[] | undefined, path: string): FieldError[] {
  return (sources ?? []).flatMap((source, i) => {
    const { prefix, configMapRef, secretRef } = source;
    const at = `${path}[${i}]`;
    const errors = prefix ? problemsAt(`${at}.prefix`, prefix, envNameProblems(prefix)) : [];
    if (configMapRef)
      errors.push(...named(`${at}.configMapRef.name`, configMapRef.name, dnsSubdomainProblems));
    if (secretRef) errors.push(...named(`${at}.secretRef.name`, secretRef.name, dnsSubdomainProblems));
    if (!configMapRef && !secretRef) {
      errors.push(invalidValue(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
    }
    if (configMapRef && secretRef) {
      errors.push(invalidValue(path, '', 'may not have more than one field specified at a time'));
    }
    return errors;
  });
}
