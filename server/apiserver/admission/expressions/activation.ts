import { setImmediate as turn } from 'node:timers/promises';
import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { Namespace } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionAttributes } from '#server/apiserver/admission/admission.ts';
import type { Answers } from '#server/apiserver/admission/expressions/answers.ts';
import { reviewOf } from '#server/apiserver/admission/webhook/review.plan.ts';
import type { CelBindings, CelEngine, CelFault, Compiled } from '#server/cel/engine.ts';
import type { CelType } from '#server/cel/type.ts';
import type { CelValue } from '#server/cel/value.ts';
import { NAMESPACE, REQUEST } from '#server/registry/admissionregistration/expression-variables.ts';

/** After so much, in upstream's units of cost, others have their turn: some 20 ms of a desktop computer. */
const TURN = 100_000;

/** One write as expressions see it. */
export interface ExpressionInput {
  readonly attributes: AdmissionAttributes;
  /** The version of the resource that was matched. */
  readonly resource: Resource;
  /** In that version. */
  readonly object: KubeObject | undefined;
  readonly oldObject: KubeObject | undefined;
  readonly params?: KubeObject | undefined;
  readonly namespace?: Namespace | undefined;
}

/** An expression as it was configured, and what became of it. */
export interface Expression {
  readonly source: string;
  readonly compiled: Compiled;
}

export interface NamedExpression extends Expression {
  readonly name: string;
}

/** The variables of a policy, and their type as a whole. */
export interface ComposedVariables {
  readonly type: CelType;
  readonly expressions: readonly NamedExpression[];
}

export type Evaluated = { readonly value: CelValue } | { readonly error: string };

/** The budget of a policy is spent: nothing more of it is evaluated. */
export class OutOfBudget extends Error {
  constructor() {
    super('validation failed due to running out of cost budget, no further validation rules will be run');
  }
}

/**
 * Evaluates the expressions of one policy or webhook over one write, in one budget. Variables are evaluated when they are
 * first read, and once. Rule: `evaluationActivation` of apiserver.
 */
export class Activation {
  readonly #cel: CelEngine;
  readonly #bindings: CelBindings;
  readonly #answers: Answers | undefined;
  #budget: number;
  #nextTurn: number;

  constructor(
    cel: CelEngine,
    input: ExpressionInput,
    options: { readonly budget: number; readonly answers?: Answers; readonly variables?: ComposedVariables },
  ) {
    this.#cel = cel;
    this.#budget = options.budget;
    this.#nextTurn = options.budget - TURN;
    this.#answers = options.answers;
    this.#bindings = this.#bind(input, options.answers, options.variables);
  }

  get budget(): number {
    return this.#budget;
  }

  /** Rejects with {@link OutOfBudget}; every other failure is an answer. */
  async evaluate({ source, compiled }: Expression): Promise<Evaluated> {
    if ('problem' in compiled) return { error: `compilation error: ${compiled.problem}` };
    if (this.#budget < this.#nextTurn) {
      this.#nextTurn = this.#budget - TURN;
      await turn();
    }
    const run = () => this.#run(compiled.program);
    const outcome = this.#answers ? await this.#answers.settle(run) : run();
    if ('error' in outcome) return { error: `expression '${source}' resulted in error: ${outcome.error}` };
    return { value: outcome.value };
  }

  #run(program: Extract<Compiled, { program: unknown }>['program']) {
    const outcome = program.evaluate(this.#bindings, { costLimit: this.#cel.PER_CALL_LIMIT });
    this.#budget -= outcome.cost;
    if (this.#budget < 0) throw new OutOfBudget();
    return outcome;
  }

  #bind(
    input: ExpressionInput,
    answers: Answers | undefined,
    variables: ComposedVariables | undefined,
  ): CelBindings {
    const cel = this.#cel;
    const { attributes, object, oldObject, params, namespace } = input;
    const json = (value: unknown, type?: CelType): CelValue => cel.fromJson(value ?? null, type);
    return {
      object: () => json(object),
      oldObject: () => json(oldObject),
      params: () => json(params),
      request: () => json(requestOf(input), REQUEST),
      namespaceObject: () => json(namespace && shownNamespace(namespace), NAMESPACE),
      ...(answers ? authorizerOf(cel, attributes, answers) : {}),
      ...(variables ? { variables: this.#variables(variables) } : {}),
    };
  }

  #variables({ type, expressions }: ComposedVariables): CelValue {
    return this.#cel.lazyObject(type, (name): CelValue | CelFault => {
      const found = expressions.find((variable) => variable.name === name);
      if (!found) return { fault: `no such key: ${name}` };
      const { compiled } = found;
      const quoted = JSON.stringify(name);
      if ('problem' in compiled)
        return { fault: `composited variable ${quoted} fails to compile: ${compiled.problem}` };
      const outcome = this.#run(compiled.program);
      return 'error' in outcome
        ? { fault: `composited variable ${quoted} fails to evaluate: ${outcome.error}` }
        : outcome.value;
    });
  }
}

function authorizerOf(cel: CelEngine, attributes: AdmissionAttributes, answers: Answers): CelBindings {
  const { resource, subresource, namespace, name } = attributes;
  const own = { group: resource.group, resource: resource.plural, subresource, namespace, name };
  const { authorizer, requestResource } = cel.authorizer(answers.check, own);
  return { authorizer, 'authorizer.requestResource': requestResource ?? null };
}

/** What `request` is: a review without its objects, which are variables of their own. */
function requestOf({ attributes, resource }: ExpressionInput): object {
  const review = reviewOf('v1', '', attributes, { resource, object: undefined, oldObject: undefined }) as {
    readonly request: Readonly<Record<string, unknown>>;
  };
  const { uid: _uid, object: _object, oldObject: _oldObject, ...request } = review.request;
  return request;
}

/** Without what manages the object. */
function shownNamespace({ metadata, spec, status }: Namespace): object {
  const { managedFields: _fields, ownerReferences: _owners, ...shown } = metadata;
  return { metadata: { creationTimestamp: null, ...shown }, spec: spec ?? {}, status: status ?? {} };
}
