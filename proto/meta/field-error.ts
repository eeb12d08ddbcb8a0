import type { StatusCause } from '#proto/schema/generated/meta-v1.ts';

/**
 * Validation results of one object. Each factory gives the cause that upstream's `field.Error` gives, with
 * its reason and wording, so that clients and people see what they know. Paths are written as upstream
 * writes them: `spec.template.spec.containers[0].image`, `metadata.labels[app]`.
 */
export type FieldError = StatusCause & { field: string };

const show = (value: unknown): string =>
  typeof value === 'string' ? JSON.stringify(value) : value === undefined ? 'null' : escaped(value);

/** Go's JSON is safe inside of HTML. */
const escaped = (value: unknown): string =>
  JSON.stringify(value).replace(/[<>&]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`);

const tail = (detail: string): string => (detail ? `: ${detail}` : '');

export const required = (field: string, detail = ''): FieldError => ({
  reason: 'FieldValueRequired',
  message: `Required value${tail(detail)}`,
  field,
});

export const invalidValue = (field: string, value: unknown, detail: string): FieldError => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${show(value)}${tail(detail)}`,
  field,
});

export const notSupported = (field: string, value: unknown, supported: readonly string[]): FieldError => ({
  reason: 'FieldValueNotSupported',
  message: `Unsupported value: ${show(value)}: supported values: ${[...supported].sort().map(show).join(', ')}`,
  field,
});

/** As {@link notSupported}, for values that upstream lists in an order of its own. */
export const notSupportedInOrder = (
  field: string,
  value: unknown,
  supported: readonly string[],
): FieldError => ({
  reason: 'FieldValueNotSupported',
  message: `Unsupported value: ${show(value)}: supported values: ${supported.map(show).join(', ')}`,
  field,
});

export const duplicate = (field: string, value: unknown): FieldError => ({
  reason: 'FieldValueDuplicate',
  message: `Duplicate value: ${show(value)}`,
  field,
});

export const forbiddenField = (field: string, detail: string): FieldError => ({
  reason: 'FieldValueForbidden',
  message: `Forbidden${tail(detail)}`,
  field,
});

export const notFoundField = (field: string, value: unknown): FieldError => ({
  reason: 'FieldValueNotFound',
  message: `Not found: ${show(value)}`,
  field,
});

export const tooLong = (field: string, maxBytes: number): FieldError => ({
  reason: 'FieldValueTooLong',
  message: `Too long: may not be more than ${maxBytes} bytes`,
  field,
});

export const tooMany = (field: string, actual: number, max: number): FieldError => ({
  reason: 'FieldValueTooMany',
  message: `Too many: ${actual}: must have at most ${max} ${max === 1 ? 'item' : 'items'}`,
  field,
});

export const internalError = (field: string, detail: string): FieldError => ({
  reason: 'InternalError',
  message: `Internal error: ${detail}`,
  field,
});
