import { type FieldError, invalidValue, required } from '#proto/meta/field-error.ts';
import type { ResourceQuotaSpec, ScopeSelector } from '#proto/schema/generated/core-v1.ts';
import { isQuotaResource } from '#server/registry/validation/quota-amounts.ts';

const COMPUTE = ['cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory'];
/** What a scope may limit. */
const LIMITS: Readonly<Record<string, readonly string[]>> = {
  Terminating: ['pods', ...COMPUTE],
  NotTerminating: ['pods', ...COMPUTE],
  BestEffort: ['pods'],
  NotBestEffort: ['pods', ...COMPUTE],
  PriorityClass: ['pods', ...COMPUTE],
  CrossNamespacePodAffinity: ['pods', ...COMPUTE],
  VolumeAttributesClass: ['persistentvolumeclaims', 'requests.storage'],
};
const PAIRS = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const;
/** Scopes without values. */
const PLAIN = [...PAIRS.flat(), 'CrossNamespacePodAffinity'];

type Spec = ResourceQuotaSpec;

/** Names of the quota that the scope can't limit. */
const unlimited = ({ hard }: Spec, scope: string): string[] =>
  Object.keys(hard ?? {}).filter(
    (name) => isQuotaResource(name) && LIMITS[scope] !== undefined && !LIMITS[scope].includes(name),
  );

const areConflicting = (scopes: readonly string[]): boolean[] =>
  PAIRS.filter((pair) => pair.every((scope) => scopes.includes(scope))).map(() => true);

/** Rule: upstream's `validateResourceQuotaScopes`. */
export function validateScopes(spec: Spec): FieldError[] {
  const scopes = spec.scopes ?? [];
  const bad = (detail: string): FieldError => invalidValue('spec.scopes', scopes, detail);
  return [
    ...scopes.flatMap((scope) => [
      ...(Object.hasOwn(LIMITS, scope) ? [] : [bad('unsupported scope')]),
      ...unlimited(spec, scope).map(() => bad('unsupported scope applied to resource')),
    ]),
    ...areConflicting(scopes).map(() => bad('conflicting scopes')),
  ];
}

/** Rule: upstream's `validateScopedResourceSelectorRequirement`. */
export function validateScopeSelector(spec: Spec): FieldError[] {
  const path = 'spec.scopeSelector.matchExpressions';
  const terms = spec.scopeSelector?.matchExpressions ?? [];
  const errors = terms.flatMap(({ scopeName, operator, values = [] }) => [
    ...(Object.hasOwn(LIMITS, scopeName)
      ? []
      : [invalidValue(`${path}.scopeName`, scopeName, 'unsupported scope')]),
    ...unlimited(spec, scopeName).map(() =>
      invalidValue(path, shown(spec.scopeSelector), 'unsupported scope applied to resource'),
    ),
    ...(PLAIN.includes(scopeName) && operator !== 'Exists'
      ? [
          invalidValue(
            `${path}.operator`,
            operator,
            "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
          ),
        ]
      : []),
    ...operandProblems(operator, values, path),
  ]);
  const conflicts = areConflicting(terms.map(({ scopeName }) => scopeName));
  return [...errors, ...conflicts.map(() => invalidValue(path, spec.scopes ?? null, 'conflicting scopes'))];
}

function operandProblems(operator: string, values: readonly string[], path: string): FieldError[] {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length > 0
        ? []
        : [
            required(
              `${path}.values`,
              "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
            ),
          ];
    case 'Exists':
    case 'DoesNotExist':
      return values.length === 0
        ? []
        : [
            invalidValue(
              `${path}.values`,
              values,
              "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
            ),
          ];
    default:
      return [invalidValue(`${path}.operator`, operator, 'not a valid selector operator')];
  }
}

/** As upstream prints it. */
const shown = (selector: ScopeSelector | undefined): object => ({
  MatchExpressions: (selector?.matchExpressions ?? []).map(({ scopeName, operator, values }) => ({
    ScopeName: scopeName,
    Operator: operator,
    Values: values ?? null,
  })),
});
