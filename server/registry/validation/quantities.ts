import {
  type FieldError,
  forbiddenField,
  invalidValue,
  notFoundField,
  required,
} from '#proto/meta/field-error.ts';
import { labelKeyProblems } from '#proto/meta/label-syntax.ts';
import { compareQuantities, milliValue, QuantityError } from '#proto/meta/quantity.ts';
import type { ResourceRequirements } from '#proto/schema/generated/core-v1.ts';
import { NON_NEGATIVE, problemsAt } from '#server/registry/validation/field-checks.ts';

const STANDARD = new Set(['cpu', 'memory', 'ephemeral-storage']);
const HUGE_PAGES = 'hugepages-';

type Resources = Readonly<Record<string, string>>;

/** Not a sum of `ours.example/…` things: cpu, memory, and whatever belongs to kubernetes.io. */
const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/');

/** May more be promised than there is? */
const isOvercommitAllowed = (name: string): boolean => isNative(name) && !name.startsWith(HUGE_PAGES);

/** Names whose amounts are whole numbers. */
const isCounted = (name: string): boolean => name.startsWith(HUGE_PAGES) || !isNative(name);

/** A quantity that is not negative, and whole where the resource is counted. */
export function validateAmount(name: string, amount: string, path: string): FieldError[] {
  try {
    const milli = milliValue(`${amount}`);
    if (milli < 0) return [invalidValue(path, `${amount}`, NON_NEGATIVE)];
    if (isCounted(name) && milli % 1000 !== 0) return [invalidValue(path, amount, 'must be an integer')];
    return [];
  } catch (err) {
    if (err instanceof QuantityError) return [invalidValue(path, amount, err.message)];
    throw err;
  }
}

/** Each amount of a list such as a capacity or a quota. */
export const validateAmounts = (resources: Resources | undefined, path: string): FieldError[] =>
  Object.entries(resources ?? {}).flatMap(([name, amount]) =>
    validateAmount(name, amount, `${path}[${name}]`),
  );

/** A resource of containers. */
export function validateResourceName(name: string, path: string): FieldError[] {
  const problems = labelKeyProblems(name);
  if (problems.length > 0) return problemsAt(path, name, problems);
  if (name.includes('/') || STANDARD.has(name) || name.startsWith(HUGE_PAGES)) return [];
  return [
    invalidValue(path, name, 'must be a standard resource type or fully qualified'),
    invalidValue(path, name, 'must be a standard resource for containers'),
  ];
}

/** Requests and limits of a container. Rule: upstream's `validateResourceRequirements`. */
export function validateResources(
  resources: ResourceRequirements | undefined,
  claims: ReadonlySet<string>,
  path: string,
): FieldError[] {
  if (!resources) return [];
  const limits: Resources = resources.limits ?? {};
  const requests: Resources = resources.requests ?? {};
  const errors = [...validateList(limits, `${path}.limits`)];
  for (const [name, request] of Object.entries(requests)) {
    const at = `${path}.requests[${name}]`;
    errors.push(...validateResourceName(name, at), ...validateAmount(name, request, at));
    errors.push(...validateAgainstLimit(name, request, limits[name], path));
    errors.push(...validatePages(name, request, at));
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some((n) => n.startsWith(HUGE_PAGES)) && !names.includes('cpu') && !names.includes('memory')) {
    errors.push(forbiddenField(path, 'HugePages require cpu or memory'));
  }
  for (const [i, claim] of (resources.claims ?? []).entries()) {
    if (!claim.name) errors.push(required(`${path}.claims[${i}].name`));
    else if (!claims.has(claim.name)) {
      errors.push(notFoundField(`${path}.claims[${i}]`, claim.name));
    }
  }
  return errors;
}

const validateList = (resources: Resources, path: string): FieldError[] =>
  Object.entries(resources).flatMap(([name, amount]) => [
    ...validateResourceName(name, `${path}[${name}]`),
    ...validateAmount(name, amount, `${path}[${name}]`),
    ...validatePages(name, amount, `${path}[${name}]`),
  ]);

/** Huge pages are asked for in whole pages. */
function validatePages(name: string, amount: string, path: string): FieldError[] {
  if (!name.startsWith(HUGE_PAGES) || !isQuantity(amount)) return [];
  const size = name.slice(HUGE_PAGES.length);
  if (!isQuantity(size) || milliValue(amount) % milliValue(size) === 0) return [];
  return [invalidValue(path, amount, `${amount} is not positive integer multiple of ${name}`)];
}

function isQuantity(text: string): boolean {
  try {
    milliValue(text);
    return true;
  } catch (err) {
    if (err instanceof QuantityError) return false;
    throw err;
  }
}

function validateAgainstLimit(
  name: string,
  request: string,
  limit: string | undefined,
  path: string,
): FieldError[] {
  const overcommit = isOvercommitAllowed(name);
  if (limit === undefined) {
    if (overcommit) return [];
    return [required(`${path}.limits`, 'Limit must be set for non overcommitable resources')];
  }
  if (!isQuantity(request) || !isQuantity(limit)) return [];
  const order = compareQuantities(`${request}`, `${limit}`);
  if (order !== 0 && !overcommit) {
    return [invalidValue(`${path}.requests`, request, `must be equal to ${name} limit of ${limit}`)];
  }
  if (order <= 0) return [];
  return [
    invalidValue(`${path}.requests`, request, `must be less than or equal to ${name} limit of ${limit}`),
  ];
}
