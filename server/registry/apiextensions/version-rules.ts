import { duplicate, type FieldError, invalidValue, required, tooMany } from '#proto/meta/field-error.ts';
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionVersion,
  CustomResourceSubresources,
  JSONSchemaProps,
  SelectableField,
} from '#proto/schema/generated/apiextensions-v1.ts';
import { findFieldPath } from '#server/structural/field-path.ts';

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];
export const MAX_SELECTABLE_FIELDS = 8;

/** Rule: `validation.ValidateCustomResourceColumnDefinition`. */
export function validateColumn(
  { name, type, format, jsonPath }: CustomResourceColumnDefinition,
  path: string,
): FieldError[] {
  const oneOf = (words: readonly string[]): string => `must be one of ${words.join(',')}`;
  const errors: FieldError[] = [];
  if (!name) errors.push(required(`${path}.name`));
  if (!type) errors.push(required(`${path}.type`, oneOf(COLUMN_TYPES)));
  else if (!COLUMN_TYPES.includes(type)) errors.push(invalidValue(`${path}.type`, type, oneOf(COLUMN_TYPES)));
  if (format && !COLUMN_FORMATS.includes(format))
    errors.push(invalidValue(`${path}.format`, format, oneOf(COLUMN_FORMATS)));
  if (!jsonPath) errors.push(required(`${path}.JSONPath`));
  else errors.push(...simplePath(jsonPath, `${path}.JSONPath`));
  return errors;
}

const simplePath = (text: string, path: string): FieldError[] =>
  text.startsWith('.') ? [] : [invalidValue(path, text, 'must be a simple json path starting with .')];

/** Rule: `validation.ValidateCustomResourceDefinitionSubresources`. */
export function validateSubresources(
  subresources: CustomResourceSubresources | undefined,
  path: string,
): FieldError[] {
  const { scale } = subresources ?? {};
  if (!scale) return [];
  const check = (key: keyof typeof scale, roots: readonly string[], where: string): FieldError[] => {
    const text = scale[key];
    const at = `${path}.scale.${key}`;
    if (!text) return key === 'labelSelectorPath' ? [] : [required(at)];
    const errors = simplePath(text, at);
    if (errors.length > 0 || roots.some((root) => text.startsWith(root))) return errors;
    return [invalidValue(at, text, `should be a json path under ${where}`)];
  };
  return [
    ...check('specReplicasPath', ['.spec.'], '.spec'),
    ...check('statusReplicasPath', ['.status.'], '.status'),
    ...check('labelSelectorPath', ['.spec.', '.status.'], 'either .spec or .status'),
  ];
}

/** Rule: `validation.ValidateCustomResourceSelectableFields`. `isLegacy`: there were too many before, the same ones. */
export function validateSelectableFields(
  fields: readonly SelectableField[],
  schema: JSONSchemaProps,
  path: string,
  isLegacy: boolean,
): FieldError[] {
  const seen = new Set<string>();
  const errors = fields.flatMap(({ jsonPath }, i) => {
    const at = `${path}[${i}].jsonPath`;
    if (!jsonPath) return [required(at)];
    const found = findFieldPath(jsonPath, schema, { brackets: false });
    if ('problem' in found) return [invalidValue(at, jsonPath, `is an invalid path: ${found.problem}`)];
    const own: FieldError[] = [];
    if (/^metadata(?:$|[.[])/.test(found.path))
      own.push(invalidValue(at, jsonPath, 'must not point to fields in metadata'));
    if (!['string', 'boolean', 'integer'].includes(found.schema.type ?? '')) {
      const detail =
        'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.';
      own.push(invalidValue(at, jsonPath, detail));
    }
    if (seen.has(found.path)) own.push(duplicate(at, jsonPath));
    seen.add(found.path);
    return own;
  });
  if (seen.size > MAX_SELECTABLE_FIELDS && !isLegacy)
    errors.push(tooMany(path, seen.size, MAX_SELECTABLE_FIELDS));
  return errors;
}

/** Rule: `validation.validateDeprecationWarning`. */
export function validateDeprecation(
  { deprecated, deprecationWarning: text }: CustomResourceDefinitionVersion,
  path: string,
): FieldError[] {
  if (text === undefined) return [];
  const at = `${path}.deprecationWarning`;
  if (!deprecated) return [invalidValue(at, text, 'can only be set for deprecated versions')];
  const errors: FieldError[] = [];
  if (new TextEncoder().encode(text).length > 256)
    errors.push(invalidValue(at, text, 'must be <= 256 characters long'));
  if (text === '') errors.push(invalidValue(at, text, 'must not be an empty string'));
  const odd = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.exec(text);
  if (odd) {
    const index = new TextEncoder().encode(text.slice(0, odd.index)).length;
    const detail = `must only contain printable UTF-8 characters; non-printable character found at index ${index}`;
    errors.push(invalidValue(at, text, detail));
  }
  return errors;
}
