import type { FieldContext } from '#agent/pod/fields.plan.ts';

/** What downward API files may tell of the board and the pod. */
export interface PodFacts extends FieldContext {
  readonly allocatable: Readonly<Record<string, string>>;
}
