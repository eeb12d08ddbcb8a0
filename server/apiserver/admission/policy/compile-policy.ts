import type {
  AuditAnnotation,
  MatchCondition,
  MutatingAdmissionPolicy,
  Mutation,
  ValidatingAdmissionPolicy,
  Validation,
  Variable,
} from '#proto/schema/generated/admissionregistration-v1.ts';
import type {
  ComposedVariables,
  Expression,
  NamedExpression,
} from '#server/apiserver/admission/expressions/activation.ts';
import { compileConditions } from '#server/apiserver/admission/expressions/match-conditions.ts';
import type { CelEngine } from '#server/cel/engine.ts';
import { BOOL, NULL, STRING } from '#server/cel/type.ts';
import { Composition } from '#server/registry/admissionregistration/composition.ts';
import { PATCH_RESULT } from '#server/registry/admissionregistration/mutating-policy.ts';

/** A policy, ready to be evaluated. What does not compile is told when it is evaluated. */
interface CompiledBase {
  readonly conditions: readonly Expression[];
  readonly variables: ComposedVariables;
}

export interface CompiledValidation {
  readonly validation: Validation;
  readonly expression: Expression;
  readonly message: Expression | undefined;
}

export interface CompiledValidatingPolicy extends CompiledBase {
  readonly validations: readonly CompiledValidation[];
  readonly annotations: readonly { readonly annotation: AuditAnnotation; readonly expression: Expression }[];
}

export interface CompiledMutatingPolicy extends CompiledBase {
  readonly mutations: readonly { readonly mutation: Mutation; readonly expression: Expression }[];
}

interface Base {
  readonly variables?: readonly Variable[] | undefined;
  readonly matchConditions?: readonly MatchCondition[] | undefined;
  readonly paramKind?: object | undefined;
}

function compileBase(cel: CelEngine, { variables, matchConditions, paramKind }: Base) {
  const composition = new Composition(cel, { hasParams: paramKind !== undefined, hasVariables: true });
  const expressions = (variables ?? []).map(
    ({ name, expression }): NamedExpression => ({
      name,
      source: expression,
      compiled: composition.add(name, expression),
    }),
  );
  return {
    composition,
    base: {
      conditions: compileConditions(matchConditions, composition),
      variables: { type: composition.type, expressions },
    },
  };
}

/** Rule: `compilePolicy` of apiserver `pkg/admission/plugin/policy/validating`. */
export function compileValidatingPolicy(
  cel: CelEngine,
  { spec }: ValidatingAdmissionPolicy,
): CompiledValidatingPolicy {
  const { composition, base } = compileBase(cel, spec);
  return {
    ...base,
    validations: (spec.validations ?? []).map((validation) => {
      const { expression, messageExpression } = validation;
      return {
        validation,
        expression: { source: expression, compiled: composition.compile(expression, { result: [BOOL] }) },
        message: messageExpression
          ? {
              source: messageExpression,
              compiled: composition.compile(messageExpression, { result: [STRING], withoutAuthorizer: true }),
            }
          : undefined,
      };
    }),
    annotations: (spec.auditAnnotations ?? []).map((annotation) => {
      const source = annotation.valueExpression;
      return {
        annotation,
        expression: { source, compiled: composition.compile(source, { result: [STRING, NULL] }) },
      };
    }),
  };
}

/** Rule: `compilePolicy` of apiserver `pkg/admission/plugin/policy/mutating`. */
export function compileMutatingPolicy(
  cel: CelEngine,
  { spec }: MutatingAdmissionPolicy,
): CompiledMutatingPolicy {
  const { composition, base } = compileBase(cel, spec);
  return {
    ...base,
    mutations: (spec.mutations ?? []).map((mutation) => {
      const isPatch = mutation.patchType === 'JSONPatch';
      const source = (isPatch ? mutation.jsonPatch : mutation.applyConfiguration)?.expression ?? '';
      const result = [isPatch ? PATCH_RESULT.JSONPatch : PATCH_RESULT.ApplyConfiguration];
      return {
        mutation,
        expression: { source, compiled: composition.compile(source, { mutation: true, result }) },
      };
    }),
  };
}
