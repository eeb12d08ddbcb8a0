import { type FieldError, forbiddenField, invalidValue, required, tooLong } from '#proto/meta/field-error.ts';
import type { Secret } from '#proto/schema/generated/core-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { immutable, isSame, problemsAt } from '#server/registry/validation/field-checks.ts';
import { configKeyProblems } from '#server/registry/validation/names.ts';

export const MAX_DATA_BYTES = 1024 * 1024;
const SERVICE_ACCOUNT = 'kubernetes.io/service-account.name';
const WHEN_IMMUTABLE = 'field is immutable when `immutable` is set';

/** Secrets. Rule: upstream's `pkg/registry/core/secret/strategy.go`. */
export const secret: Strategy<Secret> = {
  applyDefaults: (object) => {
    object.type ||= 'Opaque';
    const { stringData } = object;
    if (!stringData) return;
    // Written for people, stored like the rest, never shown.
    object.data = { ...object.data };
    for (const [key, value] of Object.entries(stringData))
      object.data[key] = Buffer.from(value).toString('base64');
    delete object.stringData;
  },
  // A type that an update leaves out is the one it has.
  prepareForUpdate: (object, old) => {
    object.type ||= old.type;
  },
  validate: (object) => [...validateData(object), ...validateType(object)],
  validateUpdate: (object, old) => {
    const errors = immutable('type', object.type, old.type);
    if (!old.immutable) return errors;
    if (!object.immutable) errors.push(forbiddenField('immutable', WHEN_IMMUTABLE));
    if (!isSame(object.data ?? {}, old.data ?? {})) errors.push(forbiddenField('data', WHEN_IMMUTABLE));
    return errors;
  },
};

function validateData({ data = {} }: Secret): FieldError[] {
  let bytes = 0;
  const errors = Object.entries(data).flatMap(([key, value]) => {
    bytes += Buffer.byteLength(value, 'base64');
    return problemsAt(`data[${key}]`, key, configKeyProblems(key));
  });
  return bytes > MAX_DATA_BYTES ? [...errors, tooLong('data', MAX_DATA_BYTES)] : errors;
}

function validateType({ type, data = {}, metadata }: Secret): FieldError[] {
  const needs = (...keys: string[]): FieldError[] =>
    keys.filter((key) => data[key] === undefined).map((key) => required(`data[${key}]`));
  switch (type) {
    case 'kubernetes.io/service-account-token':
      return metadata.annotations?.[SERVICE_ACCOUNT]
        ? []
        : [required(`metadata.annotations[${SERVICE_ACCOUNT}]`)];
    case 'kubernetes.io/dockercfg':
      return [...needs('.dockercfg'), ...validateJson(data['.dockercfg'], 'data[.dockercfg]')];
    case 'kubernetes.io/dockerconfigjson':
      return [
        ...needs('.dockerconfigjson'),
        ...validateJson(data['.dockerconfigjson'], 'data[.dockerconfigjson]'),
      ];
    case 'kubernetes.io/basic-auth': {
      const missing = needs('username', 'password');
      return missing.length === 2 ? missing : [];
    }
    case 'kubernetes.io/ssh-auth':
      return data['ssh-privatekey'] ? [] : [required('data[ssh-privatekey]')];
    case 'kubernetes.io/tls':
      return needs('tls.crt', 'tls.key');
    default:
      return [];
  }
}

function validateJson(value: string | undefined, path: string): FieldError[] {
  if (value === undefined) return [];
  try {
    const parsed: unknown = JSON.parse(Buffer.from(value, 'base64').toString());
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return [];
    return [invalidValue(path, '<secret contents redacted>', 'must be a JSON object')];
  } catch {
    return [invalidValue(path, '<secret contents redacted>', 'invalid JSON')];
  }
}
