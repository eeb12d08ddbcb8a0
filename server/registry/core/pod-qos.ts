import { compareQuantities } from '#proto/meta/quantity.ts';
import type { PodSpec, ResourceRequirements } from '#proto/schema/generated/core-v1.ts';

const COMPUTE = ['cpu', 'memory'];

/**
 * The quality of service class: Guaranteed where every container has limits for cpu and memory and requests
 * equal to them, BestEffort where nobody asks for anything, Burstable otherwise.
 */
export function qosClassOf(spec: PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers: readonly { resources?: ResourceRequirements | undefined }[] = hasCompute(spec.resources)
    ? [spec]
    : [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  if (!containers.some(({ resources }) => hasCompute(resources))) return 'BestEffort';
  return containers.every(({ resources }) => isGuaranteed(resources)) ? 'Guaranteed' : 'Burstable';
}

const isSet = (amount: string | undefined): amount is string =>
  amount !== undefined && compareQuantities(amount, '0') > 0;

const hasCompute = (resources: ResourceRequirements | undefined): boolean =>
  COMPUTE.some((name) => isSet(resources?.limits?.[name]) || isSet(resources?.requests?.[name]));

const isGuaranteed = (resources: ResourceRequirements | undefined): boolean =>
  COMPUTE.every((name) => {
    const limit = resources?.limits?.[name];
    const request = resources?.requests?.[name] ?? limit;
    return isSet(limit) && request !== undefined && compareQuantities(request, limit) === 0;
  });
