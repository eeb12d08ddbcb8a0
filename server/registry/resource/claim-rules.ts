import { duplicate, type FieldError, invalidValue, notSupported, required } from '#proto/meta/field-error.ts';
import type {
  DeviceClaimConfiguration,
  DeviceConfiguration,
  DeviceRequest,
  DeviceSelector,
  DeviceSubRequest,
  ExactDeviceRequest,
  ResourceClaimSpec,
} from '#proto/schema/generated/resource-v1.ts';
import { eachAt, named, problemsAt } from '#server/registry/validation/field-checks.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from '#server/registry/validation/names.ts';

const MODES = ['All', 'ExactCount'];
type Amounts = ExactDeviceRequest | DeviceSubRequest;

/** How many devices: one, unless said otherwise. */
export function applyClaimDefaults(spec: ResourceClaimSpec | undefined): void {
  for (const { exactly, firstAvailable } of spec?.devices?.requests ?? []) {
    for (const request of [...(exactly ? [exactly] : []), ...(firstAvailable ?? [])]) {
      request.allocationMode ||= 'ExactCount';
      if (request.allocationMode === 'ExactCount') request.count ||= 1;
    }
  }
}

/** Rule: upstream's `pkg/apis/resource/validation`, but for the expressions of selectors. */
export function validateClaim(spec: ResourceClaimSpec | undefined, path: string): FieldError[] {
  const { requests, constraints, config } = spec?.devices ?? {};
  const names = requestNames(requests);
  const at = `${path}.devices`;
  return [
    ...eachNamed(requests, `${at}.requests`, validateRequest),
    ...eachAt(constraints, `${at}.constraints`, (constraint, p) => {
      const { matchAttribute, distinctAttribute } = constraint;
      const detail =
        'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set';
      return [
        ...validateRequestNames(constraint.requests, names, `${p}.requests`),
        ...(Boolean(matchAttribute) === Boolean(distinctAttribute) ? [required(p, detail)] : []),
        ...validateAttribute(matchAttribute, `${p}.matchAttribute`),
        ...validateAttribute(distinctAttribute, `${p}.distinctAttribute`),
      ];
    }),
    ...eachAt(config, `${at}.config`, (item: DeviceClaimConfiguration, p) => [
      ...validateRequestNames(item.requests, names, `${p}.requests`),
      ...validateConfiguration(item, p),
    ]),
  ];
}

/** Parameters of a driver, of whatever shape it likes. */
export function validateConfiguration({ opaque }: DeviceConfiguration, path: string): FieldError[] {
  if (!opaque) return [required(`${path}.opaque`)];
  const { driver, parameters } = opaque;
  return [
    ...named(`${path}.opaque.driver`, driver, dnsSubdomainProblems),
    ...(parameters === undefined || parameters === null ? [required(`${path}.opaque.parameters`)] : []),
  ];
}

export const validateSelectors = (
  selectors: readonly DeviceSelector[] | undefined,
  path: string,
): FieldError[] => eachAt(selectors, path, ({ cel }, at) => (cel ? [] : [required(`${at}.cel`)]));

function validateRequest(request: DeviceRequest, path: string): FieldError[] {
  const { name = '', exactly, firstAvailable } = request;
  const errors = problemsAt(`${path}.name`, name, dnsLabelProblems(name));
  const choices = 'exactly one of `exactly` or `firstAvailable` is required';
  if (exactly && firstAvailable?.length) {
    return [...errors, invalidValue(path, undefined, `${choices}, but multiple fields are set`)];
  }
  if (exactly) return [...errors, ...validateAmounts(exactly, `${path}.exactly`)];
  if (!firstAvailable?.length) return [...errors, required(path, choices)];
  return [
    ...errors,
    ...eachNamed(firstAvailable, `${path}.firstAvailable`, (sub, at) => [
      ...problemsAt(`${at}.name`, sub.name ?? '', dnsLabelProblems(sub.name ?? '')),
      ...validateAmounts(sub, at),
    ]),
  ];
}

function validateAmounts(
  { deviceClassName, selectors, allocationMode = '', count = 0 }: Amounts,
  path: string,
): FieldError[] {
  const errors = [
    ...named(`${path}.deviceClassName`, deviceClassName, dnsSubdomainProblems),
    ...validateSelectors(selectors, `${path}.selectors`),
  ];
  if (!MODES.includes(allocationMode)) {
    errors.push(notSupported(`${path}.allocationMode`, allocationMode, MODES));
  }
  if (allocationMode === 'All' && count !== 0) {
    errors.push(invalidValue(`${path}.count`, count, `must not be specified when allocationMode is 'All'`));
  }
  if (allocationMode === 'ExactCount' && count <= 0) {
    errors.push(invalidValue(`${path}.count`, count, 'must be greater than zero'));
  }
  return errors;
}

/** Each item, then those that have a name that was there before. */
function eachNamed<T extends { readonly name?: string }>(
  items: readonly T[] | undefined,
  path: string,
  check: (item: T, path: string) => FieldError[],
): FieldError[] {
  const seen = new Set<string>();
  const errors = eachAt(items, path, check);
  for (const [i, { name = '' }] of (items ?? []).entries()) {
    if (seen.has(name)) errors.push(duplicate(`${path}[${i}]`, name));
    seen.add(name);
  }
  return errors;
}

/** What constraints may refer to: requests, and their alternatives as `request/alternative`. */
const requestNames = (requests: readonly DeviceRequest[] | undefined): ReadonlySet<string> =>
  new Set(
    (requests ?? []).flatMap(({ name, firstAvailable }) => [
      name,
      ...(firstAvailable ?? []).map((sub) => `${name}/${sub.name}`),
    ]),
  );

function validateRequestNames(
  given: readonly string[] | undefined,
  known: ReadonlySet<string>,
  path: string,
): FieldError[] {
  const seen = new Set<string>();
  return eachAt(given, path, (name, at) => {
    const errors: FieldError[] = [];
    if (seen.has(name)) errors.push(duplicate(at, name));
    seen.add(name);
    if (known.has(name)) return errors;
    const detail =
      "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
    return [...errors, invalidValue(at, name, detail)];
  });
}

function validateAttribute(name: string | undefined, path: string): FieldError[] {
  if (!name) return [];
  const [domain = '', id] = name.split('/');
  if (id === undefined) {
    return [
      invalidValue(path, name, 'a fully qualified name must be a domain and a name separated by a slash'),
    ];
  }
  return problemsAt(path, domain, dnsSubdomainProblems(domain));
}
