import type { KubeObject } from '#proto/meta/object.ts';
import { getOwn, isObject, type JsonObject } from '#proto/meta/own-property.ts';
import type { ObjectMeta } from '#proto/schema/generated/meta-v1.ts';
import { validateAnnotations, validateLabels } from '#server/registry/validation/object-meta.ts';

/**
 * An object as a webhook has converted it, or what is wrong with that. Of its metadata a conversion may change labels and
 * annotations. Rule: apiextensions-apiserver `conversion/webhook_converter.go`.
 */
export function acceptConverted(
  original: KubeObject,
  converted: unknown,
  apiVersion: string,
): { readonly object: KubeObject } | { readonly problem: string } {
  if (!isObject(converted)) return { problem: 'it is no object' };
  const { kind, metadata } = original;
  if (converted['apiVersion'] !== apiVersion)
    return {
      problem: `invalid groupVersion (expected ${apiVersion}, received ${String(converted['apiVersion'])})`,
    };
  if (converted['kind'] !== kind)
    return { problem: `invalid kind (expected ${kind}, received ${String(converted['kind'])})` };
  const returned = converted['metadata'];
  if (returned === undefined) return { problem: 'missing metadata in converted object' };
  if (!isObject(returned)) return { problem: 'invalid metadata in converted object' };
  for (const [field, name] of [
    ['name', 'name'],
    ['namespace', 'namespace'],
    ['uid', 'UID'],
  ] as const) {
    const [before = '', after = ''] = [metadata[field], returned[field]];
    if (before !== after) return { problem: `must have the same ${name}: ${before} != ${String(after)}` };
  }
  const meta: ObjectMeta = { ...metadata };
  for (const field of ['labels', 'annotations'] as const) {
    const problem = takeTexts(meta, field, returned);
    if (problem !== undefined) return { problem };
  }
  return { object: { ...converted, metadata: meta } as KubeObject };
}

function takeTexts(
  meta: ObjectMeta,
  field: 'labels' | 'annotations',
  returned: JsonObject,
): string | undefined {
  const texts = getOwn(returned, field);
  if (texts === undefined || texts === null) {
    delete meta[field];
    return undefined;
  }
  if (!isObject(texts)) return `invalid metadata.${field} in converted object`;
  const odd = Object.keys(texts).find((key) => typeof texts[key] !== 'string');
  if (odd !== undefined) return `metadata.${field}[${odd}] must be a string in converted object`;
  const own = texts as Record<string, string>;
  const before = meta[field] ?? {};
  const keys = Object.keys(own);
  const changed = keys.length !== Object.keys(before).length || keys.some((key) => own[key] !== before[key]);
  const errors = !changed
    ? []
    : field === 'labels'
      ? validateLabels(own, 'metadata.labels')
      : validateAnnotations(own, 'metadata.annotation');
  if (errors.length > 0) return errors.map((error) => `${error.field}: ${error.message}`).join(', ');
  meta[field] = own;
  return undefined;
}
