import type { FieldReader } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { SelectableField } from '#proto/schema/generated/apiextensions-v1.ts';
import { evaluateJsonPath, JsonPathError, parseJsonPath } from '#server/structural/json-path.ts';

/** The fields of a custom kind that lists and watches can be narrowed by; absent fields are empty. */
export function selectableFields(
  fields: readonly SelectableField[] | undefined,
): Readonly<Record<string, FieldReader<KubeObject>>> | undefined {
  if (!fields?.length) return undefined;
  return Object.fromEntries(
    fields.map(({ jsonPath }) => {
      const path = parseJsonPath(jsonPath);
      return [jsonPath.replace(/^\./, ''), (object: KubeObject) => textAt(path, object)];
    }),
  );
}

function textAt(path: ReturnType<typeof parseJsonPath>, object: KubeObject): string {
  try {
    const [value] = evaluateJsonPath(path, object);
    return value === undefined || value === null ? '' : String(value);
  } catch (err) {
    if (err instanceof JsonPathError) return '';
    throw err;
  }
}
