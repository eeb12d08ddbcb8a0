import type { KubeObject } from '#proto/meta/object.ts';
import type { Pod, PodSpec } from '#proto/schema/generated/core-v1.ts';
import type { Strategy, StrategyContext } from '#server/registry/strategy.ts';

export const aContext = (more: Partial<StrategyContext> = {}): StrategyContext => ({
  now: Date.UTC(2026, 0, 1),
  user: { name: 'someone', groups: [] },
  ...more,
});

/** An object as it is stored: defaults and first values applied. The uid is there as the server gives it. */
export function created<T extends KubeObject>(strategy: Strategy<T>, object: T): T {
  const copy = structuredClone(object);
  copy.metadata.uid ??= 'uid-1';
  strategy.applyDefaults?.(copy);
  strategy.prepareForCreate?.(copy, aContext());
  return copy;
}

const brief = ({ field, message }: { field: string; message?: string | undefined }): string =>
  `${field}: ${message}`;

/** What a create answers, `path: message`. */
export const createProblems = <T extends KubeObject>(strategy: Strategy<T>, object: T): string[] =>
  (strategy.validate?.(created(strategy, object), aContext()) ?? []).map(brief);

/** What an update answers, after `change` was applied to the stored object. */
export function updateProblems<T extends KubeObject>(
  strategy: Strategy<T>,
  object: T,
  change: (object: T) => void,
  given = aContext(),
): string[] {
  const old = created(strategy, object);
  const context = { ...given, old };
  const next = structuredClone(old);
  change(next);
  strategy.applyDefaults?.(next);
  strategy.prepareForUpdate?.(next, old, context);
  return [
    ...(strategy.validate?.(next, context) ?? []),
    ...(strategy.validateUpdate?.(next, old, context) ?? []),
  ].map(brief);
}

export const aPodSpec = (more: Partial<PodSpec> = {}): PodSpec => ({
  containers: [{ name: 'web', image: 'hello:1.0' }],
  ...more,
});

export const aPod = (spec: Partial<PodSpec> = {}): Pod => ({
  metadata: { name: 'web', namespace: 'default' },
  spec: aPodSpec(spec),
});

export const aTemplate = (spec: Partial<PodSpec> = {}, labels: Record<string, string> = { app: 'web' }) => ({
  metadata: { labels },
  spec: aPodSpec(spec),
});
