import type { FieldError } from '#proto/meta/field-error.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { CelEngine } from '#server/cel/engine.ts';

/** What a strategy may know beside the object. `now` is epoch milliseconds. */
export interface StrategyContext {
  readonly now: number;
  /** Absent on the object itself; `status`, `scale`, … on a subresource. */
  readonly subresource?: string | undefined;
  /** The API group that is asked, where one kind has two faces. */
  readonly group?: string;
  /** What an update replaces; absent on create. Shared, never mutate. */
  readonly old?: KubeObject | undefined;
  /** Tells the client of what `validate` finds and does not hold against it. */
  readonly warn?: ((message: string) => void) | undefined;
  /** Where {@link Strategy.needsCel} asked for it. */
  readonly cel?: CelEngine | undefined;
  /** Who asks. */
  readonly user: {
    readonly name: string;
    readonly uid?: string;
    readonly groups: readonly string[];
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
}

/**
 * What is particular to one kind; generic handlers do the rest (metadata, names, uid, timestamps,
 * generation, finalizers, conflict checks, static defaults from the schema). All pure: objects come in as
 * private copies and may be changed in place. Rule: upstream's `pkg/registry/<group>/<kind>/strategy.go`,
 * `pkg/apis/<group>/<version>/defaults.go` and `pkg/apis/<group>/validation`.
 */
export interface Strategy<T extends KubeObject = KubeObject> {
  /** Defaults that the schema cannot express (one field from another). Idempotent. */
  readonly applyDefaults?: (object: T) => void;
  /** Before validation on create: drop what users may not set (status), set first values. */
  readonly prepareForCreate?: (object: T, context: StrategyContext) => void;
  /** Before validation on update. Generic code has already kept `status` on a main update and all but `status` on a status update. */
  readonly prepareForUpdate?: (object: T, old: T, context: StrategyContext) => void;
  /** Before the first delete of an object: a finalizer that holds it, a condition that says so. */
  readonly prepareForDelete?: (object: T, context: StrategyContext) => void;
  /** Must expressions be compiled or evaluated to validate this object? Then `context.cel` is there. */
  readonly needsCel?: (object: T) => boolean;
  readonly validate?: (object: T, context: StrategyContext) => FieldError[];
  /** Beside `validate`, which runs too: what may not change. */
  readonly validateUpdate?: (object: T, old: T, context: StrategyContext) => FieldError[];
  /** Warning headers for a valid but questionable object. */
  readonly warnings?: (object: T, old?: T) => string[];
  /** How `metadata.name` is checked; DNS subdomain unless said otherwise. */
  readonly nameRule?: 'dns-subdomain' | 'dns-label' | 'dns1035-label' | 'path-segment';
  /** `status` is a subresource: a main update never touches it. Derived from the descriptor where absent. */
  readonly hasStatus?: boolean;
  /** Must a PUT name the revision that it replaces? `false` where it must. */
  readonly unconditionalUpdate?: boolean;
  /** Do spec changes bump `metadata.generation`? Default: yes where the kind has a spec and a status. */
  readonly generation?: boolean;
  /** Seconds of grace for a delete without `gracePeriodSeconds` (Pods: 30). Absent: deleted at once. */
  readonly defaultGraceSeconds?: (object: T) => number | undefined;
}
