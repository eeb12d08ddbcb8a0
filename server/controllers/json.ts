/** Equality as the API sees it: an undefined member is an absent one, and so is null. */
export function equalJson(a: unknown, b: unknown): boolean {
  if (Object.is(a ?? undefined, b ?? undefined)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => equalJson(item, b[i]));
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  for (const key in left) if (!equalJson(left[key], right[key])) return false;
  for (const key in right) if ((right[key] ?? undefined) !== undefined && !(key in left)) return false;
  return true;
}

/** Members that Go's `omitempty` leaves out: undefined, 0, '', false, empty lists. */
export function omitEmpty<T extends object>(object: T): T {
  const kept = Object.entries(object).filter(
    ([, value]) =>
      value !== undefined &&
      value !== 0 &&
      value !== '' &&
      value !== false &&
      !(Array.isArray(value) && value.length === 0),
  );
  return Object.fromEntries(kept) as T;
}

/** JSON with sorted keys: the same text for equal values, whatever the order they were written in. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined && member !== null)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}
