import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '#proto/meta/object.ts';

/** The object without what every write changes by itself. */
function essence(object: KubeObject): unknown {
  const { metadata, apiVersion: _version, kind: _kind, ...rest } = object;
  const { resourceVersion: _revision, managedFields: _managed, ...meta } = metadata;
  return strip({ ...rest, metadata: meta });
}

/** Would writing `next` over `old` change nothing but revision and bookkeeping? */
export function isUnchanged(next: KubeObject, old: KubeObject): boolean {
  return isDeepStrictEqual(essence(next), essence(old)) && isDeepStrictEqual(owners(next), owners(old));
}

/** Do these differ outside of metadata and status? That is what bumps `metadata.generation`. */
export function isSpecChanged(next: KubeObject, old: KubeObject): boolean {
  const spec = ({ metadata: _m, apiVersion: _v, kind: _k, ...rest }: KubeObject): unknown => {
    const { status: _s, ...more } = rest as { status?: unknown };
    return strip(more);
  };
  return !isDeepStrictEqual(spec(next), spec(old));
}

/** `undefined` and absent are the same once written. */
function strip(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strip);
  if (typeof value !== 'object' || value === null) return value;
  const result: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    if (inner !== undefined) result[key] = strip(inner);
  }
  return result;
}

/** Managed fields without their times: who owns what. */
const owners = (object: KubeObject): unknown =>
  strip((object.metadata.managedFields ?? []).map(({ time: _time, ...entry }) => entry));
