import { isObject } from '#proto/meta/own-property.ts';
import { configProblem } from '#server/apiserver/apply/check-config.ts';
import { mergeApplied } from '#server/apiserver/apply/merge.ts';
import { resolved, type Shape } from '#server/apiserver/apply/shape.ts';

/** The object with an apply configuration merged into it, or why that can't be. Nobody's ownership of fields changes. */
export function applyConfiguration(
  object: unknown,
  configuration: unknown,
  shape: Shape,
): { readonly object: unknown } | { readonly problem: string } {
  const unfit = configProblem(configuration, shape);
  if (unfit !== undefined) return { problem: `failed to convert patch object to typed object: ${unfit}` };
  const atomics = atomicsOf(configuration, shape, '');
  if (atomics.length > 0)
    return {
      problem: `invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${atomics.join(', ')}`,
    };
  return { object: mergeApplied(object, configuration, shape) };
}

/** The paths of lists, maps and structs that a configuration would replace as a whole: what it does not say would be lost. */
function atomicsOf(value: unknown, shape: Shape, path: string): string[] {
  if (!isObject(value) && !Array.isArray(value)) return [];
  const own = resolved(shape, value);
  switch (own.kind) {
    case 'atomic':
      return [path];
    case 'fields':
      return Object.entries(value).flatMap(([name, inner]) =>
        atomicsOf(inner, own.of(name), `${path}.${name}`),
      );
    case 'list-map':
      return Object.entries(value).flatMap(([i, item]) => atomicsOf(item, own.items, `${path}[${i}]`));
    case 'set':
      return [];
  }
}
