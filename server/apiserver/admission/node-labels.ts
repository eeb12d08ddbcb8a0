/** Of the labels under kubernetes.io and k8s.io, those that a node may set on itself. Rule: upstream's `kubeletapis`. */
const ALLOWED = new Set([
  'kubernetes.io/hostname',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'node.kubernetes.io/instance-type',
  'beta.kubernetes.io/instance-type',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'node.kubernetes.io/windows-build',
]);
const ALLOWED_PLACES = ['kubelet.kubernetes.io', 'node.kubernetes.io'];

const within = (place: string, domain: string): boolean => place === domain || place.endsWith(`.${domain}`);

function isRestricted(key: string): boolean {
  if (ALLOWED.has(key)) return false;
  const slash = key.indexOf('/');
  const place = slash < 0 ? '' : key.slice(0, slash);
  if (within(place, 'node-restriction.kubernetes.io')) return true;
  if (!within(place, 'kubernetes.io') && !within(place, 'k8s.io')) return false;
  return !ALLOWED_PLACES.some((allowed) => within(place, allowed));
}

type Labels = Readonly<Record<string, string>>;

/** The changed labels that are not the node's to change; undefined where there are none. */
export function labelProblem(old: Labels, next: Labels): string[] | undefined {
  const changed = [...new Set([...Object.keys(old), ...Object.keys(next)])].filter((k) => old[k] !== next[k]);
  const refused = changed.filter(isRestricted).sort();
  return refused.length > 0 ? refused : undefined;
}
