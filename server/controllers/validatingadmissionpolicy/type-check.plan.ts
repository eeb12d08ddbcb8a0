import type {
  ExpressionWarning,
  RuleWithOperations,
  ValidatingAdmissionPolicy,
} from '#proto/schema/generated/admissionregistration-v1.ts';
import type { GroupVersionKind } from '#proto/schema/schema.ts';
import type { CelEngine } from '#server/cel/engine.ts';
import type { CelType } from '#server/cel/type.ts';
import { Composition } from '#server/registry/admissionregistration/composition.ts';

/** More would take long, and say little. */
const MAX_KINDS = 10;

/** A kind that a policy is about, and what is known of it. */
export interface TypedKind extends GroupVersionKind {
  readonly type: CelType;
}

/** The resources that rules name one by one, without wildcards and subresources. Rule: `typesToCheck` of apiserver. */
export function namedResources(
  rules: readonly RuleWithOperations[] | undefined,
): readonly { readonly group: string; readonly version: string; readonly plural: string }[] {
  return (rules ?? []).flatMap(({ apiGroups = [], apiVersions = [], resources = [] }) =>
    [...apiGroups, ...apiVersions].some((part) => part.includes('*'))
      ? []
      : apiGroups.flatMap((group) =>
          apiVersions.flatMap((version) =>
            resources.filter((plural) => !/[*/]/.test(plural)).map((plural) => ({ group, version, plural })),
          ),
        ),
  );
}

/**
 * What the types of its objects say against a policy's expressions. Warnings only: a policy is what it is, whatever is said
 * here. Rule: `TypeChecker` of apiserver.
 */
export function planTypeChecking(
  { spec }: ValidatingAdmissionPolicy,
  cel: CelEngine,
  kinds: readonly TypedKind[],
  params: CelType | undefined,
): ExpressionWarning[] {
  const sorted = [...kinds].sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1)).slice(0, MAX_KINDS);
  const check = (fieldRef: string, source: string | undefined): ExpressionWarning[] => {
    if (!source) return [];
    const texts = sorted.flatMap(({ type, ...kind }) => {
      const composition = new Composition(cel, {
        hasParams: spec.paramKind !== undefined,
        hasVariables: true,
        types: { object: type, params },
      });
      for (const { name, expression } of spec.variables ?? []) composition.add(name, expression);
      const compiled = composition.compile(source);
      const issues = 'problem' in compiled ? compiled.issues : undefined;
      return issues === undefined ? [] : [`${kind.group}/${kind.version}, Kind=${kind.kind}: ${issues}\n`];
    });
    return texts.length === 0 ? [] : [{ fieldRef, warning: texts.join('\n') }];
  };
  return (spec.validations ?? []).flatMap(({ expression, messageExpression }, i) => [
    ...check(`spec.validations[${i}].expression`, expression),
    ...check(`spec.validations[${i}].messageExpression`, messageExpression),
  ]);
}

const idOf = ({ group, version, kind }: GroupVersionKind): string => `${group}\0${version}\0${kind}`;
