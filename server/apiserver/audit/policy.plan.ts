/** What is written about a request. Rule: `audit.k8s.io/v1` Policy, upstream's `audit/policy/checker.go`. */

export const LEVELS = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export const STAGES = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
export type Level = (typeof LEVELS)[number];
export type Stage = (typeof STAGES)[number];

export interface AuditRule {
  readonly level: Level;
  readonly users?: readonly string[] | undefined;
  readonly userGroups?: readonly string[] | undefined;
  readonly verbs?: readonly string[] | undefined;
  readonly resources?: readonly GroupResources[] | undefined;
  readonly namespaces?: readonly string[] | undefined;
  readonly nonResourceURLs?: readonly string[] | undefined;
  readonly omitStages?: readonly Stage[] | undefined;
  readonly omitManagedFields?: boolean | undefined;
}

export interface GroupResources {
  readonly group?: string | undefined;
  readonly resources?: readonly string[] | undefined;
  readonly resourceNames?: readonly string[] | undefined;
}

export interface AuditPolicy {
  readonly rules: readonly AuditRule[];
  readonly omitStages?: readonly Stage[] | undefined;
  readonly omitManagedFields?: boolean | undefined;
}

export interface Decision {
  readonly level: Level;
  readonly omitStages: readonly Stage[];
  readonly omitManagedFields: boolean;
}

/** The part of a request that rules look at. */
export interface Audited {
  readonly verb: string;
  readonly path: string;
  readonly resource?:
    | {
        readonly group: string;
        readonly namespace: string;
        readonly plural: string;
        readonly subresource: string;
        readonly name: string;
      }
    | undefined;
}

/** What the first rule that matches says; nothing is written where none does. `user` is absent where nobody is known. */
export function decide(
  policy: AuditPolicy,
  request: Audited,
  user: { readonly name: string; readonly groups: readonly string[] } | undefined,
): Decision {
  const rule = policy.rules.find((one) => matches(one, request, user));
  return {
    level: rule?.level ?? 'None',
    omitStages: [...(policy.omitStages ?? []), ...(rule?.omitStages ?? [])],
    omitManagedFields: rule?.omitManagedFields ?? policy.omitManagedFields ?? false,
  };
}

const atLeast = (level: Level, least: Level): boolean => LEVELS.indexOf(level) >= LEVELS.indexOf(least);
export const wantsRequest = (level: Level): boolean => atLeast(level, 'Request');
export const wantsResponse = (level: Level): boolean => atLeast(level, 'RequestResponse');

function matches(
  rule: AuditRule,
  request: Audited,
  user: { readonly name: string; readonly groups: readonly string[] } | undefined,
): boolean {
  if (rule.users?.length && !(user && rule.users.includes(user.name))) return false;
  if (rule.userGroups?.length && !user?.groups.some((group) => rule.userGroups?.includes(group)))
    return false;
  if (rule.verbs?.length && !rule.verbs.includes(request.verb)) return false;
  if (rule.namespaces?.length || rule.resources?.length) return matchesResource(rule, request.resource);
  if (rule.nonResourceURLs?.length)
    return !request.resource && rule.nonResourceURLs.some((url) => matchesPath(url, request.path));
  return true;
}

const matchesPath = (url: string, path: string): boolean =>
  url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.replace(/\*+$/, '')));

function matchesResource(rule: AuditRule, resource: Audited['resource']): boolean {
  if (!resource) return false;
  if (rule.namespaces?.length && !rule.namespaces.includes(resource.namespace)) return false;
  if (!rule.resources?.length) return true;
  return rule.resources.some(
    ({ group = '', resources, resourceNames }) =>
      (group === '*' || group === resource.group) &&
      (!resources?.length ||
        ((!resourceNames?.length || resourceNames.includes(resource.name)) &&
          resources.some((one) => matchesKind(one, resource.plural, resource.subresource)))),
  );
}

function matchesKind(wanted: string, plural: string, subresource: string): boolean {
  const combined = subresource ? `${plural}/${subresource}` : plural;
  return (
    wanted === '*' ||
    wanted === combined ||
    (subresource !== '' && wanted === `*/${subresource}`) ||
    wanted === `${plural}/*`
  );
}
