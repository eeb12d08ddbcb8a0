import {
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
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
    if (contentType.startsWith('application/apply-patch')) {
      if (!manager) errors.push(required('fieldManager', 'is required for apply patch'));
    } else if (query.has('force')) {
      errors.push(forbiddenField('force', 'may not be specified for non-apply patch'));
    }
  }
  if (Buffer.byteLength(manager) > MAX_MANAGER_BYTES) errors.push(tooLong('fieldManager', MAX_MANAGER_BYTES));
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
      errors.push(notSupported('propagationPolicy', propagationPolicy, [...POLICIES, 'nil']));
    }
  }
  refuse('DeleteOptions', [...errors, ...dryRunErrors(dryRun ?? [])]);
}

const dryRunErrors = (values: readonly string[]): FieldError[] =>
  values.every((value) => value === 'All') ? [] : [notSupported('dryRun', values, ['All'])];

function refuse(kind: string, errors: FieldError[]): void {
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind }, '', errors);
}
