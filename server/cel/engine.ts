import type { CelType } from '#server/cel/type.ts';
import type { CelValue } from '#server/cel/value.ts';

/**
 * What the rest of the server knows of CEL. The engine is a bundle of its own that is loaded when the first expression
 * appears: get it from `loadCel()`, or in a strategy from `context.cel` (see `Strategy.needsCel`).
 *
 *     const compiled = cel.compile('object.spec.replicas <= 5', { variables: { object: DYN }, result: [BOOL] });
 *     if ('problem' in compiled) return [invalidValue(path, source, compiled.problem)];
 *     const outcome = compiled.program.evaluate({ object: cel.fromJson(pod) }, { costLimit: cel.PER_CALL_LIMIT });
 */
export interface CelEngine {
  /** Parses, checks and plans an expression. Never throws. */
  compile(source: string, environment: CelEnvironment): Compiled;
  /**
   * JSON as a CEL value, lazily: only what an expression touches is converted. `type` says what numbers and
   * strings mean; without it, numbers without a fraction are ints. The JSON must not change while the value is used.
   */
  fromJson(json: unknown, type?: CelType): CelValue;
  /** The JSON of a value, or undefined for what has none (types, authorizers, `optional.none()`). Durations and times are text. */
  toJson(value: CelValue): unknown;
  /** `optional.of(value)`, or `optional.none()`. */
  optional(value: CelValue | undefined): CelValue;
  /** A value of an object type whose fields are computed when they are first read: `variables`. */
  lazyObject(type: CelType, read: (field: string) => CelValue | CelFault): CelValue;
  /**
   * The type of what a structural schema (OpenAPI v3, as in CustomResourceDefinitions) describes, undefined where a rule
   * can't see it. At the root of a resource `apiVersion`, `kind` and `metadata.{name,generateName}` are there too.
   */
  typeOfSchema(
    schema: StructuralSchema,
    options?: { readonly isResourceRoot?: boolean },
  ): CelType | undefined;
  /** How much there can be of what a schema describes. */
  sizesOfSchema(schema: StructuralSchema, options?: { readonly isResourceRoot?: boolean }): SchemaSizes;
  /** Why a value that a mutation made is not of the types that its field names say: `Object.spec` under `spec`. */
  mutationProblem(value: CelValue): string | undefined;
  /** `authorizer` for `user`, and `authorizer.requestResource` where `resource` is given. */
  authorizer(
    check: AuthorizationCheck,
    resource?: AuthorizedResource,
  ): {
    readonly authorizer: CelValue;
    readonly requestResource: CelValue | undefined;
  };
  /** `kubernetes.authorization.Authorizer`, to declare a variable of it. */
  readonly AUTHORIZER: CelType;
  readonly RESOURCE_CHECK: CelType;
  /** Cost that one expression may have: about 0.1 s of upstream's machine. */
  readonly PER_CALL_LIMIT: number;
}

export interface CelEnvironment {
  /** Name to type. A name may have dots: `authorizer.requestResource`. */
  readonly variables: Readonly<Record<string, CelType>>;
  /** What the expression must evaluate to; any type where absent. */
  readonly result?: readonly CelType[] | undefined;
  /** Of what its variables are: then `maxCost` is told. */
  readonly sizes?: SchemaSizes | undefined;
  /** `Object{…}`, `JSONPatch{…}` and `jsonpatch.escapeKey()`, as in MutatingAdmissionPolicies. */
  readonly mutation?: boolean | undefined;
}

export type Compiled =
  | { readonly program: CelProgram }
  | {
      /** As upstream says it: `compilation failed: ERROR: <input>:1:5: …`, or `must evaluate to bool`. */
      readonly problem: string;
      /** The text after `compilation failed: `; absent where only the type of the result is wrong. */
      readonly issues?: string | undefined;
    };

export interface CelProgram {
  readonly source: string;
  readonly resultType: CelType;
  /** The declared variables that it mentions, so that nobody computes others. */
  readonly variables: ReadonlySet<string>;
  /** The cost of the worst input that `sizes` allow, in the units of `costLimit`. */
  readonly maxCost?: number | undefined;
  /** Evaluates without side effects, in the budget. Never throws for what an expression or its input does. */
  evaluate(bindings: CelBindings, options: EvaluateOptions): CelOutcome;
}

/** A variable that is missing here is an error for the expression that reads it. Functions are called when it is read. */
export type CelBindings = Readonly<Record<string, CelValue | (() => CelValue)>>;

export interface EvaluateOptions {
  /** In upstream's units of cost; evaluation stops when they are spent. */
  readonly costLimit: number;
}

export type CelOutcome =
  | { readonly value: CelValue; readonly cost: number }
  | {
      /** `no such key: foo`, `operation cancelled: actual cost limit exceeded`. */
      readonly error: string;
      readonly cost: number;
      readonly isOverBudget: boolean;
    };

/** An error as a value, for functions that a caller provides. */
export interface CelFault {
  readonly fault: string;
}

export interface SchemaSizes {
  /** The least that one takes as JSON. */
  readonly minBytes: number;
  /** The most elements at a path of fields (as expressions name them), `@items`, `@keys` and `@values`. */
  maxAt(path: readonly string[]): number | undefined;
}

/** OpenAPI v3 as a CustomResourceDefinition writes it; only what types need. */
export interface StructuralSchema {
  readonly type?: string | undefined;
  readonly format?: string | undefined;
  readonly nullable?: boolean | undefined;
  readonly properties?: Readonly<Record<string, StructuralSchema>> | undefined;
  readonly additionalProperties?: StructuralSchema | boolean | undefined;
  readonly items?: unknown;
  readonly required?: readonly string[] | undefined;
  readonly default?: unknown;
  readonly enum?: readonly unknown[] | undefined;
  readonly maxItems?: number | undefined;
  readonly maxLength?: number | undefined;
  readonly maxProperties?: number | undefined;
  readonly 'x-kubernetes-int-or-string'?: boolean | undefined;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean | undefined;
  readonly 'x-kubernetes-embedded-resource'?: boolean | undefined;
  readonly 'x-kubernetes-list-type'?: string | undefined;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[] | undefined;
}

/** What an expression asks of the authorizer. */
export type AuthorizationQuestion =
  | ({
      readonly kind: 'resource';
      readonly verb: string;
      readonly serviceAccount?: string;
    } & AuthorizedResource)
  | { readonly kind: 'path'; readonly verb: string; readonly path: string; readonly serviceAccount?: string };

export interface AuthorizedResource {
  readonly group: string;
  readonly version?: string | undefined;
  readonly resource: string;
  readonly subresource?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly labelSelector?: string | undefined;
}

/** `serviceAccount` is `namespace:name` when the question is about that account and not about the user of the request. */
export type AuthorizationCheck = (question: AuthorizationQuestion) => {
  readonly allowed: boolean;
  readonly reason?: string | undefined;
  readonly error?: string | undefined;
};
