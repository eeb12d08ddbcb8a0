import type { PolicyRule } from '#proto/schema/generated/rbac-v1.ts';
import type { AuthorizationRequest } from '#server/apiserver/authz/authorizer.ts';

const has = (list: readonly string[] | undefined, value: string): boolean =>
  list?.includes('*') === true || list?.includes(value) === true;

/** Does the rule allow the request? Rule: upstream's `RuleAllows` and its `VerbMatches`, `ResourceMatches`, … */
export function ruleAllows(rule: PolicyRule, request: AuthorizationRequest): boolean {
  if (!has(rule.verbs, request.verb)) return false;
  if (request.kind === 'path') return urlMatches(rule.nonResourceURLs, request.path);
  return (
    has(rule.apiGroups, request.group) &&
    resourceMatches(rule.resources, request.resource, request.subresource) &&
    (!rule.resourceNames?.length || rule.resourceNames.includes(request.name ?? ''))
  );
}

function resourceMatches(
  list: readonly string[] | undefined,
  resource: string,
  subresource: string | undefined,
): boolean {
  if (!list) return false;
  const combined = subresource ? `${resource}/${subresource}` : resource;
  return (
    list.includes('*') ||
    list.includes(combined) ||
    (subresource !== undefined && subresource !== '' && list.includes(`*/${subresource}`))
  );
}

function urlMatches(list: readonly string[] | undefined, path: string): boolean {
  return (list ?? []).some(
    (url) => url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.replace(/\*+$/, ''))),
  );
}

/** The parts of `wanted` that `held` does not cover, each one verb on one thing. Rule: upstream's `validation.Covers`. */
export function uncovered(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  // Held whole is the usual case, and spares taking the rule apart: a product of four lists.
  return wanted
    .filter((rule) => !held.some((own) => covers(own, rule)))
    .flatMap(breakDown)
    .filter((part) => !held.some((own) => covers(own, part)));
}

function breakDown(rule: PolicyRule): PolicyRule[] {
  const parts: PolicyRule[] = [];
  for (const verb of rule.verbs ?? []) {
    for (const url of rule.nonResourceURLs ?? []) parts.push({ verbs: [verb], nonResourceURLs: [url] });
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        const part = { verbs: [verb], apiGroups: [group], resources: [resource] };
        if (!rule.resourceNames?.length) parts.push(part);
        for (const name of rule.resourceNames ?? []) parts.push({ ...part, resourceNames: [name] });
      }
    }
  }
  return parts;
}

function covers(own: PolicyRule, wanted: PolicyRule): boolean {
  const all = (list: readonly string[] | undefined, values: readonly string[] | undefined): boolean =>
    list?.includes('*') === true || (values ?? []).every((value) => list?.includes(value));
  const resources = (wanted.resources ?? []).every((resource) => {
    const [name = '', subresource] = resource.split('/');
    return resourceMatches(own.resources, name, subresource);
  });
  const names =
    !own.resourceNames?.length ||
    (!!wanted.resourceNames?.length && wanted.resourceNames.every((n) => own.resourceNames?.includes(n)));
  const urls = (wanted.nonResourceURLs ?? []).every((url) => urlMatches(own.nonResourceURLs, url));
  return all(own.verbs, wanted.verbs) && all(own.apiGroups, wanted.apiGroups) && resources && names && urls;
}

/** Rules about one resource become one rule with all their verbs. Rule: upstream's `CompactRules`. */
export function compact(rules: readonly PolicyRule[]): PolicyRule[] {
  const simple = new Map<string, PolicyRule>();
  const others: PolicyRule[] = [];
  for (const rule of rules) {
    const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs } = rule;
    if (
      nonResourceURLs?.length ||
      apiGroups.length !== 1 ||
      resources.length !== 1 ||
      resourceNames.length > 1
    ) {
      others.push(rule);
      continue;
    }
    const key = JSON.stringify([apiGroups, resources, resourceNames]);
    const known = simple.get(key);
    simple.set(key, known ? { ...known, verbs: [...known.verbs, ...rule.verbs] } : rule);
  }
  return [...others, ...simple.values()];
}

/** One rule as upstream's messages print it. */
export function printRule(rule: PolicyRule): string {
  const parts: [string, readonly string[] | undefined][] = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['ResourceNames', rule.resourceNames],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['Verbs', rule.verbs],
  ];
  const shown = parts
    .filter(([, list]) => list?.length)
    .map(([name, list]) => `${name}:[${(list ?? []).map((v) => JSON.stringify(v)).join(' ')}]`);
  return `{${shown.join(', ')}}`;
}
