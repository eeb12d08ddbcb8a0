import { humanDuration, NAME, UNKNOWN } from '#proto/api/columns.ts';
import type { Column } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { CustomResourceColumnDefinition } from '#proto/schema/generated/apiextensions-v1.ts';
import {
  evaluateJsonPath,
  type JsonPath,
  JsonPathError,
  parseJsonPath,
} from '#server/structural/json-path.ts';

const AGE: CustomResourceColumnDefinition = {
  name: 'Age',
  type: 'date',
  description:
    'CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata',
  jsonPath: '.metadata.creationTimestamp',
};

/**
 * The columns of a custom kind: its name, then what its definition says, its age where that says nothing. A column
 * whose path can't be read ends them. Rule: apiextensions-apiserver `registry/customresource/tableconvertor`.
 */
export function customColumns(
  definitions: readonly CustomResourceColumnDefinition[] | undefined,
): readonly Column<KubeObject>[] {
  const columns: Column<KubeObject>[] = [NAME];
  for (const definition of definitions?.length ? definitions : [AGE]) {
    try {
      columns.push(columnOf(definition, parseJsonPath(definition.jsonPath)));
    } catch (err) {
      if (err instanceof JsonPathError) break;
      throw err;
    }
  }
  return columns;
}

function columnOf(definition: CustomResourceColumnDefinition, path: JsonPath): Column<KubeObject> {
  const { name, type, format, description, priority, jsonPath } = definition;
  return {
    name,
    type: type as Column<KubeObject>['type'],
    ...(format ? { format } : {}),
    description: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    ...(priority ? { priority } : {}),
    value: (object, now) => cellOf(type, firstOf(path, object), now),
  };
}

function firstOf(path: JsonPath, object: KubeObject): unknown {
  try {
    return evaluateJsonPath(path, object)[0];
  } catch (err) {
    if (err instanceof JsonPathError) return undefined;
    throw err;
  }
}

function cellOf(type: string, value: unknown, now: number): string | number | boolean | null {
  if (value === undefined) return null;
  if (type === 'string')
    return typeof value === 'object' && value !== null ? JSON.stringify(value) : printed(value);
  if (value === null) return null;
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? ageOf(value, now) : null;
    default:
      return null;
  }
}

/** Absent and null print as Go's templates print them. */
const printed = (value: unknown): string => (value === null ? '<nil>' : String(value));

function ageOf(text: string, now: number): string {
  if (text === '' || text === 'null') return UNKNOWN;
  const at = Date.parse(text);
  return Number.isNaN(at) ? '<invalid>' : humanDuration(now - at);
}
