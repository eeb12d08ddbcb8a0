import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { printReasons, violationsOf } from '#server/podsecurity/evaluate.plan.ts';
import { type LevelVersion, printLevel } from '#server/podsecurity/policy.plan.ts';

/** No more Pods are looked at; of one controller's, one comes before the others. */
const MOST = 3000;

/** What a namespace's Pods would say to a stricter level, for whoever sets it. */
export function existingPodWarnings(
  namespace: string,
  enforce: LevelVersion,
  pods: readonly Pod[],
): string[] {
  const checked = inOrder(pods).slice(0, MOST);
  const found = new Map<string, { name: string; count: number }>();
  for (const pod of checked) {
    const violations = violationsOf(enforce, pod);
    if (violations.length === 0) continue;
    const reasons = printReasons(violations);
    const { name = '' } = pod.metadata;
    const seen = found.get(reasons);
    if (!seen) found.set(reasons, { name, count: 1 });
    else found.set(reasons, { name: [name, seen.name].sort()[0] ?? name, count: seen.count + 1 });
  }
  const warnings: string[] = [];
  if (checked.length < pods.length)
    warnings.push(
      `new PodSecurity enforce level only checked against the first ${checked.length} of ${pods.length} existing pods`,
    );
  if (found.size > 0)
    warnings.push(
      `existing pods in namespace ${JSON.stringify(namespace)} violate the new PodSecurity enforce level ${JSON.stringify(printLevel(enforce))}`,
    );
  return [...warnings, ...[...found].map(([reasons, seen]) => `${whose(seen)}: ${reasons}`).sort()];
}

function whose({ name, count }: { readonly name: string; readonly count: number }): string {
  if (count === 1) return name;
  return `${name} (and ${count - 1} other ${count === 2 ? 'pod' : 'pods'})`;
}

function inOrder(pods: readonly Pod[]): Pod[] {
  const controllers = new Set<string>();
  const [first, later]: [Pod[], Pod[]] = [[], []];
  for (const pod of pods) {
    const uid = pod.metadata.ownerReferences?.find(({ controller }) => controller)?.uid;
    if (uid !== undefined && controllers.has(uid)) later.push(pod);
    else first.push(pod);
    if (uid !== undefined) controllers.add(uid);
  }
  return [...first, ...later];
}

type Image = { readonly name: string; readonly image?: string | undefined };

/** Does an update change what was judged when the Pod was made: its images and containers? */
export function isSignificantUpdate({ spec }: Pod, { spec: old }: Pod): boolean {
  const images = (list: readonly Image[] | undefined): string =>
    JSON.stringify((list ?? []).map(({ image }) => image));
  if (images(spec.containers) !== images(old.containers)) return true;
  if (images(spec.initContainers) !== images(old.initContainers)) return true;
  return (spec.ephemeralContainers ?? []).some(
    ({ name, image }) => old.ephemeralContainers?.find((one) => one.name === name)?.image !== image,
  );
}
