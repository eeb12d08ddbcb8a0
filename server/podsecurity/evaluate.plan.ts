import { BASELINE } from '#server/podsecurity/baseline.plan.ts';
import type { Check, CheckPod, PodLike, Violation } from '#server/podsecurity/check.plan.ts';
import type { LevelVersion } from '#server/podsecurity/policy.plan.ts';
import { RESTRICTED } from '#server/podsecurity/restricted.plan.ts';

/** What is wrong with the Pod at this level and version; empty where nothing is. Baseline rules come first. */
export function violationsOf({ level, version }: LevelVersion, pod: PodLike): Violation[] {
  if (level === 'privileged') return [];
  const minor = version === 'latest' ? Number.MAX_SAFE_INTEGER : version;
  const restricted = level === 'restricted' ? RESTRICTED.filter((check) => formOf(check, minor)) : [];
  const overridden = new Set(restricted.flatMap(({ overrides = [] }) => overrides));
  return [...BASELINE.filter(({ id }) => !overridden.has(id)), ...restricted].flatMap(
    (check) => formOf(check, minor)?.(pod) ?? [],
  );
}

const formOf = ({ versions }: Check, minor: number): CheckPod | undefined =>
  versions.findLast(([since]) => since <= minor)?.[1];

/** `privileged (container "a" must not …), host namespaces (hostPID=true)` */
export const printViolations = (violations: readonly Violation[]): string =>
  violations.map(({ reason, detail }) => (detail ? `${reason} (${detail})` : reason)).join(', ');

export const printReasons = (violations: readonly Violation[]): string =>
  violations.map(({ reason }) => reason).join(', ');
