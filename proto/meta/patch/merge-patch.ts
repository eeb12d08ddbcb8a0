import { getOwn, isObject, setOwn } from '#proto/meta/own-property.ts';

/** JSON Merge Patch, RFC 7386: null removes, objects merge, all else replaces. The inputs stay as they were. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return structuredClone(patch);
  const out: Record<string, unknown> = {};
  const from = isObject(target) ? target : {};
  for (const key of Object.keys(from))
    if (!Object.hasOwn(patch, key)) setOwn(out, key, structuredClone(from[key]));
  for (const key of Object.keys(patch)) {
    const value = patch[key];
    if (value !== null) setOwn(out, key, applyMergePatch(getOwn(from, key), value));
  }
  return out;
}
