import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type {
  FailurePolicyType,
  MatchResources,
  ParamKind,
  ParamRef,
} from '#proto/schema/generated/admissionregistration-v1.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';

/** What policies of both kinds have. */
export interface Policy extends KubeObject {
  readonly spec: {
    readonly paramKind?: ParamKind | undefined;
    readonly matchConstraints?: MatchResources | undefined;
    readonly failurePolicy?: FailurePolicyType | undefined;
  };
}

export interface Binding extends KubeObject {
  readonly spec: {
    readonly policyName?: string | undefined;
    readonly paramRef?: ParamRef | undefined;
    readonly matchResources?: MatchResources | undefined;
  };
}

/** A policy that is in force, with what puts it there. */
export interface BoundPolicy<P extends Policy, B extends Binding> {
  readonly policy: P;
  /** By name. */
  readonly bindings: readonly B[];
}

/**
 * The policies of one kind that are bound, by name. They follow the store: a change is in force before the write that
 * made it is answered.
 */
export class Policies<P extends Policy, B extends Binding> {
  readonly #policies = new Map<string, P>();
  readonly #bindings = new Map<string, B>();
  #bound: readonly BoundPolicy<P, B>[] | undefined = [];

  constructor(reader: ObjectReader, policies: Resource<P>, bindings: Resource<B>) {
    reader.follow(policies, (policy, change) => this.#note(this.#policies, policy, change));
    reader.follow(bindings, (binding, change) => this.#note(this.#bindings, binding, change));
  }

  get bound(): readonly BoundPolicy<P, B>[] {
    this.#bound ??= byName(this.#policies).flatMap((policy) => {
      const name = policy.metadata.name;
      const bindings = byName(this.#bindings).filter(({ spec }) => spec.policyName === name);
      return bindings.length === 0 ? [] : [{ policy, bindings }];
    });
    return this.#bound;
  }

  #note<T extends KubeObject>(known: Map<string, T>, object: T, change: 'put' | 'delete'): void {
    const { name = '' } = object.metadata;
    if (change === 'delete') known.delete(name);
    else known.set(name, object);
    this.#bound = undefined;
  }
}

const byName = <T>(objects: ReadonlyMap<string, T>): T[] =>
  [...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
