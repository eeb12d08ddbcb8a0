import type { CelEngine, Compiled } from '#server/cel/engine.ts';
import { type CelType, DYN, type ObjectField } from '#server/cel/type.ts';
import { NAMESPACE, REQUEST } from '#server/registry/admissionregistration/expression-variables.ts';

export interface CompositionOptions {
  readonly hasParams: boolean;
  /** May expressions name `variables`? */
  readonly hasVariables: boolean;
  /** What `object`, `oldObject` and `params` are; anything where absent. */
  readonly types?: { readonly object?: CelType | undefined; readonly params?: CelType | undefined };
}

export interface CompileOptions {
  readonly result?: readonly CelType[];
  /** Not what is said to users: that must not depend on who asks. */
  readonly withoutAuthorizer?: boolean;
  /** `Object{…}` and `JSONPatch{…}`. */
  readonly mutation?: boolean;
}

/**
 * Compiles the expressions of one policy. Variables are known to what comes after them, with the type that they
 * evaluate to. Rule: `CompositedCompiler` of apiserver.
 */
export class Composition {
  readonly #cel: CelEngine;
  readonly #options: CompositionOptions;
  readonly #fields = new Map<string, ObjectField>();
  /** Of `variables`. */
  readonly type: CelType = {
    kind: 'object',
    name: 'kubernetes.variables',
    field: (name) => this.#fields.get(name),
  };

  constructor(cel: CelEngine, options: CompositionOptions) {
    this.#cel = cel;
    this.#options = options;
  }

  compile(source: string, { result, withoutAuthorizer, mutation }: CompileOptions = {}): Compiled {
    const { hasParams, hasVariables, types } = this.#options;
    const object = types?.object ?? DYN;
    const variables: Record<string, CelType> = {
      object,
      oldObject: object,
      namespaceObject: NAMESPACE,
      request: REQUEST,
      ...(hasParams ? { params: types?.params ?? DYN } : {}),
      ...(hasVariables ? { variables: this.type } : {}),
      ...(withoutAuthorizer
        ? {}
        : { authorizer: this.#cel.AUTHORIZER, 'authorizer.requestResource': this.#cel.RESOURCE_CHECK }),
    };
    return this.#cel.compile(source, { variables, result, mutation });
  }

  /** Compiles a variable and makes it known; one that does not compile is known as anything. */
  add(name: string, source: string): Compiled {
    const compiled = this.compile(source);
    const type = 'program' in compiled ? variableType(compiled.program.resultType) : DYN;
    this.#fields.set(name, { type, json: name });
    return compiled;
  }
}

/** Types that declarations have no word for are anything. */
const variableType = (type: CelType): CelType =>
  type.kind === 'opaque' || type.kind === 'object' || type.kind === 'type' || type.kind === 'param'
    ? DYN
    : type;
