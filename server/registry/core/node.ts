import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupportedInOrder,
  required,
} from '#proto/meta/field-error.ts';
import { labelKeyProblems, labelValueProblems } from '#proto/meta/label-syntax.ts';
import { isIpv6 } from '#proto/net/cidr.ts';
import type { Node, Taint } from '#proto/schema/generated/core-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { validateCidr } from '#server/registry/validation/addresses.ts';
import { eachAt, problemsAt } from '#server/registry/validation/field-checks.ts';
import { TAINT_EFFECTS } from '#server/registry/validation/pod/scheduling.ts';
import { validateAmount } from '#server/registry/validation/quantities.ts';

/** Nodes. Rule: upstream's `pkg/registry/core/node/strategy.go`. */
export const node: Strategy<Node> = {
  generation: false,
  applyDefaults: (object) => {
    object.spec ??= {};
    const { spec, status } = object;
    if (spec.podCIDR && !spec.podCIDRs?.length) spec.podCIDRs = [spec.podCIDR];
    else if (!spec.podCIDR && spec.podCIDRs?.[0]) spec.podCIDR = spec.podCIDRs[0];
    if (status?.capacity && !status.allocatable) status.allocatable = { ...status.capacity };
  },
  validate: ({ spec, status }) => [
    ...validateTaints(spec.taints, 'metadata.taints'),
    ...validateAmountsOf(status?.capacity, 'status.capacity'),
    ...validateAmountsOf(status?.allocatable, 'status.allocatable'),
    ...validateCidrs(spec.podCIDRs, 'spec.podCIDRs'),
  ],
  validateUpdate: (object, old) => {
    const errors: FieldError[] = [];
    const before = old.spec.podCIDRs ?? [];
    if (before.length > 0 && before.join() !== object.spec.podCIDRs?.join()) {
      errors.push(
        forbiddenField('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'),
      );
    }
    if (old.spec.providerID && old.spec.providerID !== object.spec.providerID) {
      const detail = 'node updates may not change providerID except from "" to valid';
      errors.push(forbiddenField('spec.providerID', detail));
    }
    return errors;
  },
};

/** Without the brackets that other lists of amounts have. */
const validateAmountsOf = (
  amounts: Readonly<Record<string, string>> | undefined,
  path: string,
): FieldError[] =>
  Object.entries(amounts ?? {}).flatMap(([name, amount]) => validateAmount(name, amount, `${path}.${name}`));

function validateCidrs(cidrs: readonly string[] | undefined, path: string): FieldError[] {
  const errors = eachAt(cidrs, path, validateCidr);
  const families = (cidrs ?? []).map(isIpv6);
  if (errors.length > 0 || new Set(families).size === families.length) return errors;
  return [invalidValue(path, cidrs, 'may specify no more than one CIDR for each IP family')];
}

/** The path under metadata is upstream's. */
function validateTaints(taints: readonly Taint[] | undefined, path: string): FieldError[] {
  const seen = new Set<string>();
  return eachAt(taints, path, (taint, at) => {
    const { key = '', value = '', effect } = taint;
    const errors = [
      ...problemsAt(`${at}.key`, key, labelKeyProblems(key)),
      ...problemsAt(`${at}.value`, value, labelValueProblems(value)),
    ];
    if (!effect) errors.push(required(`${at}.effect`));
    else if (!TAINT_EFFECTS.includes(effect))
      errors.push(notSupportedInOrder(`${at}.effect`, effect, TAINT_EFFECTS));
    const pair = `${key}/${effect}`;
    // Unique by key and effect together.
    if (seen.has(pair)) errors.push(duplicateTaint(at, taint));
    seen.add(pair);
    return errors;
  });
}

/** With the taint as upstream prints it. */
function duplicateTaint(path: string, { key = '', value = '', effect, timeAdded }: Taint): FieldError {
  const printed = { Key: key, Value: value, Effect: effect, TimeAdded: timeAdded ?? null };
  const error = duplicate(path, printed);
  return { ...error, message: `${error.message}: taints must be unique by key and effect pair` };
}
