import {
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  notSupportedInOrder,
  required,
  tooLong,
} from '#proto/meta/field-error.ts';
import { invalid } from '#proto/meta/status-error.ts';
import type { DeleteOptions } from '#proto/schema/generated/meta-v1.ts';

/** Rule: upstream's `FieldManagerMaxLength`. */
const MAX_MANAGER_BYTES = 128;
const VALIDATIONS = ['', 'Ignore', 'Strict', 'Warn'];
const POLICIES = ['Foreground', 'Background', 'Orphan'];
const KINDS: Readonly<Record<string, string>> = {
  POST: 'CreateOptions',
  PUT: 'UpdateOptions',
  PATCH: 'PatchOptions',
};

/**
 * What a create, update or patch asks for in its query; 422 of the options' own kind where it can't be had. Rule:
 * `ValidateCreateOptions`, `ValidateUpdateOptions` and `ValidatePatchOptions` of apimachinery.
 */
export function checkWriteOptions(method: string, query: URLSearchParams, contentType = ''): void {
  const kind = KINDS[method];
  if (!kind) return;
  const manager = query.get('fieldManager') ?? '';
  const validation = query.get('fieldValidation') ?? '';
  const errors: FieldError[] = [];
  if (method === 'PATCH') {
    if (contentType.startsWith('application/apply-patch+yaml')) {
      if (!manager) errors.push(required('fieldManager', 'is required for apply patch'));
    } else if (query.has('force')) {
      errors.push(forbiddenField('force', 'may not be specified for non-apply patch'));
    }
  }
  if (Buffer.byteLength(manager) > MAX_MANAGER_BYTES) errors.push(tooLong('fieldManager', MAX_MANAGER_BYTES));
  errors.push(...unprintable(manager));
  errors.push(...dryRunErrors(query.getAll('dryRun')));
  if (!VALIDATIONS.includes(validation)) {
    errors.push(notSupported('fieldValidation', validation, VALIDATIONS));
  }
  refuse(kind, errors);
}

/** As {@link checkWriteOptions}, for a delete's options of body and query together. */
export function checkDeleteOptions({ propagationPolicy, orphanDependents, dryRun }: DeleteOptions): void {
  const errors: FieldError[] = [];
  if (propagationPolicy !== undefined) {
    if (orphanDependents !== undefined) {
      const both = 'orphanDependents and deletionPropagation cannot be both set';
      errors.push(invalidValue('propagationPolicy', propagationPolicy, both));
    }
    if (!POLICIES.includes(propagationPolicy)) {
      errors.push(notSupportedInOrder('propagationPolicy', propagationPolicy, [...POLICIES, 'nil']));
    }
  }
  refuse('DeleteOptions', [...errors, ...dryRunErrors(dryRun ?? [])]);
}

/** A manager is printed wherever fields are. */
function unprintable(manager: string): FieldError[] {
  const at = [...manager].findIndex((char) => !/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(char));
  if (at < 0) return [];
  const code = ([...manager][at] ?? '').codePointAt(0) ?? 0;
  const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  return [invalidValue('fieldManager', manager, `invalid character ${name} (at position ${at})`)];
}

const dryRunErrors = (values: readonly string[]): FieldError[] =>
  values.every((value) => value === 'All') ? [] : [notSupported('dryRun', values, ['All'])];

function refuse(kind: string, errors: FieldError[]): void {
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind }, '', errors);
}
