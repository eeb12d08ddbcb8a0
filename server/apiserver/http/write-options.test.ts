import { describe, expect, it } from 'vitest';
import type { DeleteOptions } from '#proto/schema/generated/meta-v1.ts';
import { checkDeleteOptions, checkWriteOptions } from './write-options.ts';

const message = (check: () => void): string | undefined => {
  try {
    check();
    return undefined;
  } catch (err) {
    expect(err).toMatchObject({ code: 422, reason: 'Invalid' });
    return (err as Error).message;
  }
};

const APPLY = 'application/apply-patch+yaml';

describe('checkWriteOptions', () => {
  it.each<[string, string, string?]>([
    ['GET', 'fieldValidation=nonsense'],
    ['POST', ''],
    ['POST', 'dryRun=All&fieldManager=me&fieldValidation=Strict'],
    ['PUT', 'fieldValidation='],
    ['PATCH', 'fieldManager=me&force=true', APPLY],
  ])('%s %s is fine', (method, query, type) => {
    expect(message(() => checkWriteOptions(method, new URLSearchParams(query), type))).toBeUndefined();
  });

  it.each([
    [
      'POST',
      'fieldValidation=Some',
      undefined,
      'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Some": supported values: "", "Ignore", "Strict", "Warn"',
    ],
    [
      'PUT',
      'dryRun=Some',
      undefined,
      'UpdateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"',
    ],
    [
      'PATCH',
      '',
      APPLY,
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    ],
    [
      'PATCH',
      'force=true',
      'application/merge-patch+json',
      'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    ],
    [
      'POST',
      `fieldManager=${'m'.repeat(129)}`,
      undefined,
      'CreateOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than 128 bytes',
    ],
  ])('%s %s is refused', (method, query, type, expected) => {
    expect(message(() => checkWriteOptions(method, new URLSearchParams(query), type))).toBe(expected);
  });
});

describe('checkDeleteOptions', () => {
  it.each<[DeleteOptions, string | undefined]>([
    [{}, undefined],
    [{ propagationPolicy: 'Orphan', dryRun: ['All'] }, undefined],
    [
      { propagationPolicy: 'Later' },
      'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Later": supported values: "Foreground", "Background", "Orphan", "nil"',
    ],
    [
      { propagationPolicy: 'Orphan', orphanDependents: true },
      'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set',
    ],
    [
      { dryRun: ['Some'] },
      'DeleteOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"',
    ],
  ])('%j: %s', (options, expected) => {
    expect(message(() => checkDeleteOptions(options))).toBe(expected);
  });
});
