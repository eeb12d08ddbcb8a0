type Json = Record<string, unknown>;

const isMap = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** RFC 7386. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch;
  const result: Json = isMap(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

/** The merge keys that the kinds in our unit tests need. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  conditions: 'type',
  containers: 'name',
  initContainers: 'name',
  env: 'name',
  volumes: 'name',
  ownerReferences: 'uid',
  taints: 'key',
};

/** Strategic merge as far as tests go: lists with a known merge key, `$patch: delete`, plain finalizers. */
export function strategicMergePatch(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch;
  const result: Json = isMap(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    const mergeKey = MERGE_KEYS[key];
    if (key.startsWith('$')) continue;
    if (value === null) delete result[key];
    else if (Array.isArray(value) && mergeKey) result[key] = mergeList(result[key], value, mergeKey);
    else if (Array.isArray(value) && key === 'finalizers') {
      result[key] = [...new Set([...((result[key] as unknown[] | undefined) ?? []), ...value])];
    } else result[key] = strategicMergePatch(result[key], value);
  }
  const gone = patch['$deleteFromPrimitiveList/finalizers'];
  if (Array.isArray(gone)) {
    result['finalizers'] = ((result['finalizers'] as unknown[] | undefined) ?? []).filter(
      (f) => !gone.includes(f),
    );
  }
  return result;
}

function mergeList(target: unknown, patch: readonly unknown[], mergeKey: string): unknown[] {
  const items = Array.isArray(target) ? [...(target as unknown[])] : [];
  for (const entry of patch) {
    if (!isMap(entry)) continue;
    const at = items.findIndex((item) => isMap(item) && item[mergeKey] === entry[mergeKey]);
    if (entry['$patch'] === 'delete') {
      if (at >= 0) items.splice(at, 1);
    } else if (at >= 0) items[at] = strategicMergePatch(items[at], entry);
    else items.push(entry);
  }
  return items;
}
