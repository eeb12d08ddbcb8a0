import { type FieldError, invalidValue } from '#proto/meta/field-error.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { getOwn, isObject, setOwn } from '#proto/meta/own-property.ts';
import type { CustomResourceSubresourceScale } from '#proto/schema/generated/apiextensions-v1.ts';

const MAX_REPLICAS = 2 ** 31 - 1;

/** `.spec.replicas` as its parts. */
const partsOf = (path: string): string[] => path.replace(/^\./, '').split('.');

/** The value at a path of fields; undefined where there is none. */
export function valueAt(object: unknown, path: string): unknown {
  return partsOf(path).reduce<unknown>(
    (value, part) => (isObject(value) ? getOwn(value, part) : undefined),
    object,
  );
}

/** Sets the value at a path of fields, in place; objects on the way are made. False where something else is there. */
export function setValueAt(object: KubeObject, path: string, value: unknown): boolean {
  const parts = partsOf(path);
  let at = object as unknown as Record<string, unknown>;
  for (const part of parts.slice(0, -1)) {
    const next = getOwn(at, part) ?? {};
    if (!isObject(next)) return false;
    setOwn(at, part, next);
    at = next;
  }
  setOwn(at, parts.at(-1) ?? '', value);
  return true;
}

/** What the paths of a scale subresource point at. `statusOnly`: of the object's status. */
export function validateScale(
  { specReplicasPath, statusReplicasPath, labelSelectorPath }: CustomResourceSubresourceScale,
  object: KubeObject,
  statusOnly: boolean,
): FieldError[] {
  const errors = statusOnly ? [] : validateReplicas(object, specReplicasPath);
  errors.push(...validateReplicas(object, statusReplicasPath));
  if (labelSelectorPath) {
    const selector = valueAt(object, labelSelectorPath);
    if (selector !== undefined && typeof selector !== 'string')
      errors.push(invalidValue(labelSelectorPath, '', accessor(labelSelectorPath, selector, 'string')));
  }
  return errors;
}

function validateReplicas(object: KubeObject, path: string): FieldError[] {
  const value = valueAt(object, path);
  if (value === undefined) return [];
  if (typeof value !== 'number' || !Number.isInteger(value))
    return [invalidValue(path, 0, accessor(path, value, 'int64'))];
  if (value < 0) return [invalidValue(path, value, 'should be a non-negative integer')];
  if (value > MAX_REPLICAS)
    return [invalidValue(path, value, `should be less than or equal to ${MAX_REPLICAS}`)];
  return [];
}

/** As apimachinery's `unstructured.NestedInt64` complains. */
const accessor = (path: string, value: unknown, wanted: string): string =>
  `${path} accessor error: ${goValue(value)} is of the type ${goType(value)}, expected ${wanted}`;

const goValue = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function goType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'bool';
    case 'number':
      return Number.isInteger(value) ? 'int64' : 'float64';
    default:
      return value === null ? '<nil>' : 'map[string]interface {}';
  }
}
