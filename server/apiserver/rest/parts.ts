import type { KubeObject } from '#proto/meta/object.ts';
import type { Container, Pod } from '#proto/schema/generated/core-v1.ts';

type WithStatus = KubeObject & { spec?: Record<string, unknown>; status?: Record<string, unknown> };

/**
 * What an update through a subresource may touch; all else is taken from `old`. A main update leaves status alone
 * where status is a subresource. Answers a private copy.
 */
export function onlyPart(
  subresource: string | undefined,
  next: KubeObject,
  old: KubeObject,
  withStatus: boolean,
): KubeObject {
  const wished = next as WithStatus;
  switch (subresource) {
    case undefined:
      return withStatus ? put(wished, 'status', structuredClone((old as WithStatus).status)) : next;
    case 'status': {
      const { labels, annotations, managedFields } = next.metadata;
      const result = put(structuredClone(old) as WithStatus, 'status', wished.status);
      result.metadata = dropUndefined({ ...result.metadata, labels, annotations, managedFields });
      return result;
    }
    case 'ephemeralcontainers':
      return withSpec(old, { ephemeralContainers: wished.spec?.['ephemeralContainers'] });
    case 'resize':
      return resized(next as Pod, old as Pod);
    case 'finalize':
      return withSpec(old, { finalizers: wished.spec?.['finalizers'] });
    case 'approval': {
      const result = structuredClone(old) as WithStatus;
      const conditions = wished.status?.['conditions'];
      result.metadata = next.metadata;
      return put(result, 'status', dropUndefined({ ...result.status, conditions }));
    }
    default:
      return next;
  }
}

function put<T extends WithStatus>(
  object: T,
  key: 'status' | 'spec',
  value: Record<string, unknown> | undefined,
): T {
  if (value === undefined) delete object[key];
  else object[key] = value;
  return object;
}

function withSpec(old: KubeObject, change: Record<string, unknown>): KubeObject {
  const result = structuredClone(old) as WithStatus;
  return put(result, 'spec', dropUndefined({ ...result.spec, ...change }));
}

/** Only the resources of containers that exist. */
function resized(next: Pod, old: Pod): Pod {
  const result = structuredClone(old);
  const take = (mine: Container[] | undefined, theirs: Container[] | undefined): void => {
    for (const container of mine ?? []) {
      const wished = theirs?.find((c) => c.name === container.name);
      if (!wished) continue;
      if (wished.resources) container.resources = wished.resources;
      else delete container.resources;
      if (wished.resizePolicy) container.resizePolicy = wished.resizePolicy;
    }
  };
  take(result.spec.containers, next.spec.containers);
  take(result.spec.initContainers, next.spec.initContainers);
  return result;
}

function dropUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}
