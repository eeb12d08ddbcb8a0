import type { APIService } from '#proto/schema/generated/apiregistration-v1.ts';
import { MANAGED } from '#server/controllers/apiservice/apiservice.plan.ts';
import { builtinPriority, CUSTOM_PRIORITY } from '#server/registry/apiregistration/priorities.plan.ts';

/** The APIService of a group and version that is served here. The group of APIServices itself has none. */
export function registrationOf(group: string, version: string): APIService | undefined {
  if (group === 'apiregistration.k8s.io') return undefined;
  const builtin = builtinPriority(group, version);
  const priority = builtin ?? CUSTOM_PRIORITY;
  return {
    metadata: { name: `${version}.${group}`, labels: { [MANAGED]: builtin ? 'onstart' : 'true' } },
    spec: {
      ...(group ? { group } : {}),
      version,
      groupPriorityMinimum: priority.group,
      versionPriority: priority.version,
    },
  };
}
