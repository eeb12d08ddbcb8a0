import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalidValue,
  notFoundField,
  notSupported,
  required,
} from '#proto/meta/field-error.ts';
import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  ProjectedVolumeSource,
  Volume,
  VolumeMount,
  VolumeProjection,
} from '#proto/schema/generated/core-v1.ts';
import { eachAt, named } from '#server/registry/validation/field-checks.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from '#server/registry/validation/names.ts';
import {
  VOLUME_FIELDS,
  validateFieldRef,
  validateResourceFieldRef,
} from '#server/registry/validation/pod/environment.ts';
import { validateAmount } from '#server/registry/validation/quantities.ts';

const SOURCES = [
  'emptyDir',
  'hostPath',
  'secret',
  'nfs',
  'persistentVolumeClaim',
  'downwardAPI',
  'configMap',
  'projected',
  'csi',
  'ephemeral',
  'image',
];
const HOST_PATH_TYPES = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

/** `data/config` under some directory. */
function validateRelativePath(value: string, path: string): FieldError[] {
  const errors = value.startsWith('/') ? [invalidValue(path, value, 'must be a relative path')] : [];
  return [...errors, ...validateNoBacksteps(value, path)];
}

const validateNoBacksteps = (value: string, path: string): FieldError[] =>
  value.split('/').includes('..') ? [invalidValue(path, value, "must not contain '..'")] : [];

/** A file inside a volume: `..` in front is what the kubelet keeps for itself. */
function validateFilePath(value: string, path: string): FieldError[] {
  const errors = validateRelativePath(value, path);
  if (value.startsWith('..') && !value.startsWith('../')) {
    errors.push(invalidValue(path, value, "must not start with '..'"));
  }
  return errors;
}

const validateMode = (mode: number | undefined, path: string): FieldError[] =>
  mode === undefined || (mode >= 0 && mode <= 0o777)
    ? []
    : [invalidValue(path, mode, 'must be a number between 0 and 0777 (octal), both inclusive')];

/** All volumes of a Pod. Rule: upstream's `ValidateVolumes`. */
export function validateVolumes(volumes: readonly Volume[] | undefined, path: string): FieldError[] {
  const seen = new Set<string>();
  return eachAt(volumes, path, (volume, at) => {
    const errors = [...validateSource(volume, at), ...named(`${at}.name`, volume.name, dnsLabelProblems)];
    if (seen.has(volume.name)) errors.push(duplicate(`${at}.name`, volume.name));
    if (errors.length === 0) seen.add(volume.name);
    return errors;
  });
}

function validateSource(volume: Volume, path: string): FieldError[] {
  const { name: _, ...sources } = volume;
  const given = Object.entries(sources).filter(([, source]) => source !== undefined && source !== null);
  const [first, ...others] = given.map(([type]) => type).sort((a, b) => rankOf(a) - rankOf(b));
  if (!first) return [required(path, 'must specify a volume type')];
  return [
    ...validateOneSource(first, volume, `${path}.${first}`),
    ...others.map((type) => forbiddenField(`${path}.${type}`, 'may not specify more than 1 volume type')),
  ];
}

/** Of several sources upstream looks at the first of its own order, and forbids the others. */
const rankOf = (type: string): number => (SOURCES.indexOf(type) + SOURCES.length + 1) % (SOURCES.length + 1);

function validateOneSource(type: string, volume: Volume, path: string): FieldError[] {
  const { hostPath, emptyDir, secret, configMap, persistentVolumeClaim, nfs, csi } = volume;
  switch (type) {
    case 'hostPath': {
      if (!hostPath?.path) return [required(`${path}.path`)];
      const errors = validateNoBacksteps(hostPath.path, `${path}.path`);
      const isKnown = HOST_PATH_TYPES.includes(hostPath.type ?? '');
      return isKnown ? errors : [...errors, notSupported(`${path}.type`, hostPath.type, HOST_PATH_TYPES)];
    }
    case 'emptyDir': {
      const isWrong = emptyDir?.sizeLimit && validateAmount('memory', emptyDir.sizeLimit, path).length > 0;
      const detail = 'SizeLimit field must be a valid resource quantity';
      return isWrong ? [forbiddenField(`${path}.sizeLimit`, detail)] : [];
    }
    case 'secret':
      return [
        ...(secret?.secretName ? [] : [required(`${path}.secretName`)]),
        ...validateMode(secret?.defaultMode, `${path}.defaultMode`),
        ...eachAt(secret?.items, `${path}.items`, validateKeyToPath),
      ];
    case 'configMap':
      return [
        ...(configMap?.name ? [] : [required(`${path}.name`)]),
        ...validateMode(configMap?.defaultMode, `${path}.defaultMode`),
        ...eachAt(configMap?.items, `${path}.items`, validateKeyToPath),
      ];
    case 'persistentVolumeClaim':
      return persistentVolumeClaim?.claimName ? [] : [required(`${path}.claimName`)];
    case 'downwardAPI':
      return [
        ...validateMode(volume.downwardAPI?.defaultMode, `${path}.defaultMode`),
        ...(volume.downwardAPI?.items ?? []).flatMap((file) => validateDownwardFile(file, path)),
      ];
    case 'projected':
      return volume.projected ? validateProjected(volume.projected, path) : [];
    case 'nfs':
      return validateNfs(nfs, path);
    case 'csi':
      return named(`${path}.driver`, csi?.driver, dnsSubdomainProblems);
    case 'ephemeral':
      return volume.ephemeral?.volumeClaimTemplate ? [] : [required(`${path}.volumeClaimTemplate`)];
    case 'image':
      return volume.image?.reference ? [] : [required(`${path}.reference`)];
    default:
      return [];
  }
}

function validateNfs(nfs: Volume['nfs'], path: string): FieldError[] {
  const errors = nfs?.server ? [] : [required(`${path}.server`)];
  if (!nfs?.path) errors.push(required(`${path}.path`));
  else if (!nfs.path.startsWith('/')) {
    errors.push(invalidValue(`${path}.path`, nfs.path, 'must be an absolute path'));
  }
  return errors;
}

const validateKeyToPath = (item: KeyToPath, path: string): FieldError[] => [
  ...(item.key ? [] : [required(`${path}.key`)]),
  ...(item.path ? [] : [required(`${path}.path`)]),
  ...validateFilePath(item.path ?? '', `${path}.path`),
  ...validateMode(item.mode, `${path}.mode`),
];

function validateDownwardFile(file: DownwardAPIVolumeFile, path: string): FieldError[] {
  const { fieldRef, resourceFieldRef } = file;
  const errors = file.path ? [] : [required(`${path}.path`)];
  errors.push(...validateFilePath(file.path ?? '', `${path}.path`));
  if (fieldRef) {
    errors.push(...validateFieldRef(fieldRef, VOLUME_FIELDS, `${path}.fieldRef`));
    if (resourceFieldRef) {
      const detail = 'fieldRef and resourceFieldRef can not be specified simultaneously';
      errors.push(invalidValue(path, 'resource', detail));
    }
  } else if (resourceFieldRef) {
    errors.push(...validateResourceFieldRef(resourceFieldRef, `${path}.resourceFieldRef`, true));
  } else errors.push(required(path, 'one of fieldRef and resourceFieldRef is required'));
  return [...errors, ...validateMode(file.mode, `${path}.mode`)];
}

function validateProjected(projected: ProjectedVolumeSource, path: string): FieldError[] {
  const seen = new Set<string>();
  return [
    ...validateMode(projected.defaultMode, `${path}.defaultMode`),
    ...eachAt(projected.sources, `${path}.sources`, (source, at) => [
      ...validateProjection(source, at),
      ...pathsOf(source).flatMap((file) => {
        if (!seen.has(file)) {
          seen.add(file);
          return [];
        }
        return [invalidValue(path, file, 'conflicting duplicate paths')];
      }),
    ]),
  ];
}

function validateProjection(source: VolumeProjection, path: string): FieldError[] {
  const { secret, configMap, downwardAPI, serviceAccountToken: token } = source;
  const errors: FieldError[] = [];
  if (secret) {
    if (!secret.name) errors.push(required(`${path}.secret.name`));
    errors.push(...eachAt(secret.items, `${path}.secret.items`, validateKeyToPath));
  }
  if (configMap) {
    if (!configMap.name) errors.push(required(`${path}.configMap.name`));
    errors.push(...eachAt(configMap.items, `${path}.configMap.items`, validateKeyToPath));
  }
  // Upstream names the source, not the file in it; and of a token's path not even the source.
  for (const file of downwardAPI?.items ?? []) {
    errors.push(...validateDownwardFile(file, `${path}.downwardAPI`));
  }
  if (token) {
    errors.push(...validateTokenProjection(token, `${path}.serviceAccountToken`));
    const at = path.replace(/\.sources\[\d+\]$/, '.path');
    errors.push(...(token.path ? validateFilePath(token.path, at) : [required(at)]));
  }
  if (Object.values(source).filter(Boolean).length > 1) {
    errors.push(forbiddenField(path, 'may not specify more than 1 volume type per source'));
  }
  return errors;
}

function validateTokenProjection(
  token: NonNullable<VolumeProjection['serviceAccountToken']>,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const seconds = token.expirationSeconds ?? 3600;
  const at = `${path}.expirationSeconds`;
  if (seconds < 600)
    errors.push(invalidValue(at, seconds, 'may not specify a duration less than 10 minutes'));
  else if (seconds > 2 ** 32) {
    errors.push(invalidValue(at, seconds, 'may not specify a duration larger than 2^32 seconds'));
  }
  return errors;
}

const pathsOf = ({ secret, configMap, downwardAPI, serviceAccountToken }: VolumeProjection): string[] => [
  ...[secret, configMap].flatMap((source) => source?.items?.map((item) => item.path) ?? []),
  ...(downwardAPI?.items?.map((file) => file.path) ?? []),
  ...(serviceAccountToken?.path ? [serviceAccountToken.path] : []),
];

/** Where a container sees its volumes. */
export function validateVolumeMounts(
  mounts: readonly VolumeMount[] | undefined,
  volumes: ReadonlySet<string>,
  isPrivileged: boolean,
  path: string,
): FieldError[] {
  const seen = new Set<string>();
  return eachAt(mounts, path, (mount, at) => {
    const errors: FieldError[] = [];
    if (!mount.name) errors.push(required(`${at}.name`));
    if (!volumes.has(mount.name)) {
      errors.push(notFoundField(`${at}.name`, mount.name ?? ''));
    }
    if (!mount.mountPath) errors.push(required(`${at}.mountPath`));
    if (seen.has(mount.mountPath))
      errors.push(invalidValue(`${at}.mountPath`, mount.mountPath, 'must be unique'));
    seen.add(mount.mountPath);
    // Upstream puts these two under the list, not under its item.
    if (mount.subPath) errors.push(...validateRelativePath(mount.subPath, `${path}.subPath`));
    if (mount.subPathExpr) {
      if (mount.subPath) {
        const detail = 'subPathExpr and subPath are mutually exclusive';
        errors.push(invalidValue(`${at}.subPathExpr`, mount.subPathExpr, detail));
      }
      errors.push(...validateRelativePath(mount.subPathExpr, `${path}.subPathExpr`));
    }
    return [...errors, ...validatePropagation(mount, isPrivileged, `${path}.mountPropagation`)];
  });
}

function validatePropagation(mount: VolumeMount, isPrivileged: boolean, path: string): FieldError[] {
  const mode = mount.mountPropagation;
  const supported = ['Bidirectional', 'HostToContainer', 'None'];
  if (mode === undefined) return [];
  if (!supported.includes(mode)) return [notSupported(path, mode, supported)];
  if (mode !== 'Bidirectional' || isPrivileged) return [];
  return [forbiddenField(path, 'Bidirectional mount propagation is available only to privileged containers')];
}
