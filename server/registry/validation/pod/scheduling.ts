import {
  duplicate,
  type FieldError,
  invalidValue,
  notSupported,
  notSupportedInOrder,
  required,
} from '#proto/meta/field-error.ts';
import { labelKeyProblems, labelValueProblems } from '#proto/meta/label-syntax.ts';
import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinityTerm,
  PodAntiAffinity,
  Toleration,
  TopologySpreadConstraint,
} from '#proto/schema/generated/core-v1.ts';
import { eachAt, oneOfOptional, problemsAt } from '#server/registry/validation/field-checks.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from '#server/registry/validation/names.ts';
import { validateLabelSelector, validateOperands } from '#server/registry/validation/selectors.ts';

export const TAINT_EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';

/** One toleration. Rule: upstream's `ValidateTolerations`. */
export function validateToleration(toleration: Toleration, path: string): FieldError[] {
  const { key = '', operator = '', value = '', effect = '', tolerationSeconds } = toleration;
  const errors = key ? problemsAt(`${path}.key`, key, labelKeyProblems(key)) : [];
  if (!key && operator !== 'Exists') {
    const detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
    errors.push(invalidValue(`${path}.operator`, operator, detail));
  }
  if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
    const detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
    errors.push(invalidValue(`${path}.effect`, effect, detail));
  }
  if (operator === 'Exists') {
    if (value) {
      errors.push(invalidValue(`${path}.operator`, value, "value must be empty when `operator` is 'Exists'"));
    }
  } else if (operator === 'Equal' || operator === '') {
    const problems = labelValueProblems(value);
    if (problems.length > 0) errors.push(invalidValue(`${path}.operator`, value, problems.join(';')));
  } else {
    // Lt and Gt compare numbers, behind a gate that is off by default; the answer names them nevertheless.
    const supported =
      operator === 'Lt' || operator === 'Gt' ? ['Equal', 'Exists', 'Lt', 'Gt'] : ['Equal', 'Exists'];
    errors.push(notSupported(`${path}.operator`, operator, supported));
  }
  if (effect && !TAINT_EFFECTS.includes(effect)) {
    errors.push(notSupportedInOrder(`${path}.effect`, effect, TAINT_EFFECTS));
  }
  return errors;
}

/** Node and Pod affinity. */
export function validateAffinity(affinity: Affinity | undefined, path: string): FieldError[] {
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity ?? {};
  const at = `${path}.nodeAffinity`;
  return [
    ...validateNodeSelector(nodeAffinity?.[REQUIRED], `${at}.${REQUIRED}`),
    ...eachAt(nodeAffinity?.[PREFERRED], `${at}.${PREFERRED}`, ({ weight, preference }, p) => [
      ...validateWeight(weight, p),
      ...validateNodeSelectorTerm(preference ?? {}, `${p}.preference`),
    ]),
    ...validatePodTerms(podAffinity, `${path}.podAffinity`),
    ...validatePodTerms(podAntiAffinity, `${path}.podAntiAffinity`),
  ];
}

/** The node selector of an affinity or of a PersistentVolume. */
export function validateNodeSelector(selector: NodeSelector | undefined, path: string): FieldError[] {
  if (!selector) return [];
  if (!selector.nodeSelectorTerms?.length) {
    return [required(`${path}.nodeSelectorTerms`, 'must have at least one node selector term')];
  }
  return eachAt(selector.nodeSelectorTerms, `${path}.nodeSelectorTerms`, validateNodeSelectorTerm);
}

const validateWeight = (weight: number, path: string): FieldError[] =>
  weight > 0 && weight <= 100
    ? []
    : [invalidValue(`${path}.weight`, weight ?? 0, 'must be in the range 1-100')];

const validateNodeSelectorTerm = (term: NodeSelectorTerm, path: string): FieldError[] => [
  ...eachAt(term.matchExpressions, `${path}.matchExpressions`, validateNodeRequirement),
  ...eachAt(term.matchFields, `${path}.matchFields`, validateNodeField),
];

function validateNodeRequirement(requirement: NodeSelectorRequirement, path: string): FieldError[] {
  const { key = '', operator, values } = requirement;
  const errors =
    operator === 'Gt' || operator === 'Lt'
      ? values?.length === 1
        ? []
        : [required(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'")]
      : validateOperands(requirement, path);
  return [
    ...errors,
    ...problemsAt(`${path}.key`, key, labelKeyProblems(key)),
    ...eachAt(values, `${path}.values`, (value, at) => problemsAt(at, value, labelValueProblems(value))),
  ];
}

function validateNodeField(requirement: NodeSelectorRequirement, path: string): FieldError[] {
  const { key, operator, values } = requirement;
  const errors: FieldError[] = [];
  if (operator !== 'In' && operator !== 'NotIn') {
    errors.push(invalidValue(`${path}.operator`, operator, 'not a valid selector operator'));
  } else if (values?.length !== 1) {
    const detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    errors.push(required(`${path}.values`, detail));
  }
  if (key !== 'metadata.name') {
    errors.push(invalidValue(`${path}.key`, key, 'not a valid field selector key'));
    return errors;
  }
  return [
    ...errors,
    ...eachAt(values, `${path}.values`, (value, at) => problemsAt(at, value, dnsSubdomainProblems(value))),
  ];
}

/** PodAffinity has the same fields. */
const validatePodTerms = (terms: PodAntiAffinity | undefined, path: string): FieldError[] => [
  ...eachAt(terms?.[REQUIRED], `${path}.${REQUIRED}`, validatePodTerm),
  ...eachAt(terms?.[PREFERRED], `${path}.${PREFERRED}`, ({ weight, podAffinityTerm }, at) => [
    ...validateWeight(weight, at),
    ...validatePodTerm(podAffinityTerm, `${at}.podAffinityTerm`),
  ]),
];

function validatePodTerm(term: PodAffinityTerm, path: string): FieldError[] {
  const key = term.topologyKey ?? '';
  return [
    ...validateLabelSelector(term.labelSelector, `${path}.labelSelector`),
    ...validateLabelSelector(term.namespaceSelector, `${path}.namespaceSelector`),
    ...(term.namespaces ?? []).flatMap((n) => problemsAt(`${path}.namespace`, n, dnsLabelProblems(n))),
    ...(key ? [] : [required(`${path}.topologyKey`, 'can not be empty')]),
    ...problemsAt(`${path}.topologyKey`, key, labelKeyProblems(key)),
  ];
}

/** Spread constraints, each pair of key and action once. */
export function validateTopologySpread(
  constraints: readonly TopologySpreadConstraint[] | undefined,
  path: string,
): FieldError[] {
  const policies = ['Honor', 'Ignore'];
  return (constraints ?? []).flatMap((constraint, i) => {
    const { maxSkew, topologyKey, whenUnsatisfiable, minDomains } = constraint;
    const at = `${path}[${i}]`;
    const errors: FieldError[] = [];
    if (!(maxSkew > 0)) errors.push(invalidValue(`${at}.maxSkew`, maxSkew ?? 0, 'must be greater than zero'));
    if (!topologyKey) errors.push(required(`${at}.topologyKey`, 'can not be empty'));
    if (!['DoNotSchedule', 'ScheduleAnyway'].includes(whenUnsatisfiable)) {
      const supported = ['DoNotSchedule', 'ScheduleAnyway'];
      errors.push(notSupported(`${at}.whenUnsatisfiable`, whenUnsatisfiable ?? '', supported));
    }
    const isRepeated = constraints
      ?.slice(i + 1)
      .some((c) => c.topologyKey === topologyKey && c.whenUnsatisfiable === whenUnsatisfiable);
    if (isRepeated) {
      const pair = `{${topologyKey}, ${whenUnsatisfiable}}`;
      errors.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, pair));
    }
    if (minDomains !== undefined && minDomains <= 0) {
      errors.push(invalidValue(`${at}.minDomains`, minDomains, 'must be greater than zero'));
    }
    if (minDomains !== undefined && whenUnsatisfiable !== 'DoNotSchedule') {
      const detail = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
      errors.push(invalidValue(`${at}.minDomains`, minDomains, detail));
    }
    return [
      ...errors,
      ...oneOfOptional(`${at}.nodeAffinityPolicy`, constraint.nodeAffinityPolicy, policies),
      ...oneOfOptional(`${at}.nodeTaintsPolicy`, constraint.nodeTaintsPolicy, policies),
      ...validateLabelSelector(constraint.labelSelector, `${at}.labelSelector`),
    ];
  });
}
