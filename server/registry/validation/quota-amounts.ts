import { type FieldError, invalidValue } from '#proto/meta/field-error.ts';
import { labelKeyProblems } from '#proto/meta/label-syntax.ts';
import { milliValue, QuantityError } from '#proto/meta/quantity.ts';
import { problemsAt } from '#server/registry/validation/field-checks.ts';
import { validateAmount } from '#server/registry/validation/quantities.ts';

/** Things that a quota counts by whole numbers. */
const COUNTED = [
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
];
const MEASURED = ['cpu', 'memory', 'ephemeral-storage'];
const NAMES = new Set([
  ...COUNTED,
  ...MEASURED,
  ...MEASURED.flatMap((name) => [`requests.${name}`, `limits.${name}`]),
  'requests.storage',
]);

/** Does the name of a quota stand for itself, without a group? */
export const isQuotaResource = (name: string): boolean =>
  NAMES.has(name) || name.startsWith('hugepages-') || name.startsWith('requests.hugepages-');

/** Each amount of a quota. Rule: upstream's `ValidateResourceQuotaResourceName` and `ValidateResourceQuantityValue`. */
export const validateQuotaAmounts = (
  amounts: Readonly<Record<string, string>> | undefined,
  path: string,
): FieldError[] =>
  Object.entries(amounts ?? {}).flatMap(([name, amount]) => {
    const at = `${path}[${name}]`;
    return [...nameProblems(name, at), ...amountProblems(name, amount, at)];
  });

function nameProblems(name: string, at: string): FieldError[] {
  const syntax = problemsAt(at, name, labelKeyProblems(name));
  if (syntax.length > 0 || name.includes('/') || isQuotaResource(name)) return syntax;
  const problem = invalidValue(at, name, 'must be a standard resource for quota');
  // Claims may be counted by this name, quotas not.
  if (name === 'storage') return [problem];
  return [invalidValue(at, name, 'must be a standard resource type or fully qualified'), problem];
}

function amountProblems(name: string, amount: string, at: string): FieldError[] {
  const problems = validateAmount(name, amount, at);
  if (problems.length > 0 || !COUNTED.includes(name)) return problems;
  try {
    return milliValue(amount) % 1000 === 0 ? [] : [invalidValue(at, amount, 'must be an integer')];
  } catch (err) {
    if (err instanceof QuantityError) return [];
    throw err;
  }
}
