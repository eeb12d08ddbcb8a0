import type { JSONSchemaProps } from '#proto/schema/generated/apiextensions-v1.ts';
import { entriesOf } from '#server/structural/schema-tree.ts';

/** A path below a schema as errors write it, and the schema there; or why there is none. */
export type FoundPath =
  | { readonly path: string; readonly schema: JSONSchemaProps }
  | { readonly problem: string };

const END = 'unexpected end of JSON path';
const NOWHERE = 'does not refer to a valid field';

/**
 * Follows `.spec.names['a.b']` through a schema. Rule: apiextensions-apiserver `schema/cel.ValidFieldPath`, whose problems
 * these are.
 */
export function findFieldPath(
  text: string,
  root: JSONSchemaProps,
  { brackets = true }: { readonly brackets?: boolean } = {},
): FoundPath {
  const tokens = text.match(/'(?:[^'\\]|\\.)*'|[.[\]]|[^.[\]]+/g) ?? [];
  let schema: JSONSchemaProps = root;
  let path = '';
  const enter = (name: string): string | undefined => {
    const { properties } = schema;
    const entries = entriesOf(schema);
    if (properties) {
      const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
      if (!property) return NOWHERE;
      path = path === '' ? name : `${path}.${name}`;
      schema = property;
    } else if (schema.additionalProperties !== undefined) {
      path = `${path}[${name}]`;
      schema = entries ?? {};
    } else return NOWHERE;
    return undefined;
  };
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] ?? '';
    let problem: string | undefined;
    if (token === '.') {
      const name = tokens[++i];
      problem = name === undefined ? END : enter(name);
    } else if (token === '[') {
      if (!brackets) return { problem: 'array notation is not allowed' };
      const quoted = tokens[++i];
      if (quoted === undefined) return { problem: END };
      if (!/^'.*'$/s.test(quoted)) return { problem: `expected single quoted string but got ${quoted}` };
      problem = enter(quoted.slice(1, -1).replace(/\\(.)/g, '$1'));
      const close = tokens[++i];
      if (problem === undefined && close === undefined) problem = END;
      else if (problem === undefined && close !== ']') problem = `expected ] but got ${close}`;
    } else problem = `expected [ or . but got: ${token}`;
    if (problem !== undefined) return { problem };
  }
  return path === '' ? { problem: NOWHERE } : { path, schema };
}
