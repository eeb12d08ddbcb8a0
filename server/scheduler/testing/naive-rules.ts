/**
 * The hard rules once more, for tests: written from the API's documentation, with nothing of what the scheduler is made of, and
 * with no thought of speed. Every rule is looked up anew from plain objects.
 */
import type {
  Node,
  NodeSelectorRequirement,
  Pod,
  PodAffinityTerm,
  TopologySpreadConstraint,
} from '#proto/schema/generated/core-v1.ts';
import type { LabelSelector } from '#proto/schema/generated/meta-v1.ts';

export interface NaivePlaced {
  readonly pod: Pod;
  readonly nodeName: string;
}

export interface NaiveCluster {
  readonly nodes: readonly Node[];
  readonly placed: readonly NaivePlaced[];
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

type Labels = Readonly<Record<string, string>> | undefined;

/** The rules that the Pod would break on the node; empty where it may go there. */
export function brokenRules(pod: Pod, node: Node, cluster: NaiveCluster): string[] {
  const rules: [string, boolean][] = [
    ['cordon', cordoned(pod, node)],
    ['taints', tainted(pod, node)],
    ['node affinity', !selectsNode(pod, node)],
    ['ports', portsClash(pod, node, cluster)],
    ['room', !hasRoom(pod, node, cluster)],
    ['spread', unevenAfter(pod, node, cluster)],
    ['affinity', lacksCompany(pod, node, cluster)],
    ['anti-affinity', tooClose(pod, node, cluster)],
    ['anti-affinity of others', unwelcome(pod, node, cluster)],
  ];
  return rules.filter(([, broken]) => broken).map(([name]) => name);
}

const tolerates = (pod: Pod, key: string, value: string, effect: string): boolean =>
  (pod.spec.tolerations ?? []).some(
    (t) =>
      (!t.effect || t.effect === effect) &&
      (!t.key || t.key === key) &&
      (t.operator === 'Exists' || (t.key === key && (t.value ?? '') === value)),
  );

const cordoned = (pod: Pod, node: Node): boolean =>
  node.spec.unschedulable === true && !tolerates(pod, 'node.kubernetes.io/unschedulable', '', 'NoSchedule');

const tainted = (pod: Pod, node: Node): boolean =>
  (node.spec.taints ?? []).some(
    (t) => t.effect !== 'PreferNoSchedule' && !tolerates(pod, t.key, t.value ?? '', t.effect),
  );

function meets({ key, operator, values = [] }: NodeSelectorRequirement, labels: Labels): boolean {
  const value = labels?.[key];
  if (operator === 'Exists') return value !== undefined;
  if (operator === 'DoesNotExist') return value === undefined;
  if (operator === 'In') return value !== undefined && values.includes(value);
  if (operator === 'NotIn') return value === undefined || !values.includes(value);
  throw new Error(`not in this test: ${operator}`);
}

function selectsNode(pod: Pod, node: Node): boolean {
  const { labels } = node.metadata;
  const wanted = Object.entries(pod.spec.nodeSelector ?? {});
  if (wanted.some(([key, value]) => labels?.[key] !== value)) return false;
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (!required) return true;
  return required.nodeSelectorTerms.some((term) =>
    (term.matchExpressions ?? []).every((requirement) => meets(requirement, labels)),
  );
}

function selects(selector: LabelSelector | undefined, labels: Labels): boolean {
  if (!selector) return false;
  const pairs = Object.entries(selector.matchLabels ?? {});
  return (
    pairs.every(([key, value]) => labels?.[key] === value) &&
    (selector.matchExpressions ?? []).every((r) => meets(r, labels))
  );
}

const on = (node: Node, { placed }: NaiveCluster): Pod[] =>
  placed.filter(({ nodeName }) => nodeName === node.metadata.name).map(({ pod }) => pod);

function portsOf(pod: Pod): string[] {
  const running = [
    ...pod.spec.containers,
    ...(pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
  ];
  return running
    .flatMap(({ ports }) => ports ?? [])
    .filter(({ hostPort }) => hostPort)
    .map(({ hostPort, protocol, hostIP }) => `${hostPort} ${protocol ?? 'TCP'} ${hostIP || '0.0.0.0'}`);
}

function portsClash(pod: Pod, node: Node, cluster: NaiveCluster): boolean {
  const taken = on(node, cluster).flatMap(portsOf);
  return portsOf(pod).some((mine) =>
    taken.some((theirs) => {
      const [port, protocol, ip] = mine.split(' ');
      const [otherPort, otherProtocol, otherIp] = theirs.split(' ');
      if (port !== otherPort || protocol !== otherProtocol) return false;
      return ip === otherIp || ip === '0.0.0.0' || otherIp === '0.0.0.0';
    }),
  );
}

/** Of quantities as these tests write them. */
export function amount(text: string | undefined): number {
  const [, digits = '0', unit = ''] = /^(\d+)(\w*)$/.exec(text ?? '0') ?? [];
  const factor: Record<string, number> = {
    '': 1000,
    m: 1,
    Ki: 1000 * 2 ** 10,
    Mi: 1000 * 2 ** 20,
    Gi: 1000 * 2 ** 30,
  };
  return Number(digits) * (factor[unit] ?? Number.NaN);
}

/** Init containers one after the other, sidecars all along: the moment when most is needed counts. */
export function needs(pod: Pod, name: string): number {
  const of = (container: { resources?: { requests?: Record<string, string> | undefined } | undefined }) =>
    amount(container.resources?.requests?.[name]);
  let sidecars = 0;
  let most = 0;
  for (const container of pod.spec.initContainers ?? []) {
    if (container.restartPolicy === 'Always') sidecars += of(container);
    most = Math.max(most, container.restartPolicy === 'Always' ? sidecars : sidecars + of(container));
  }
  return Math.max(most, sidecars + pod.spec.containers.reduce((sum, one) => sum + of(one), 0));
}

const RESOURCES = ['cpu', 'memory', 'example.com/gpio'];

function hasRoom(pod: Pod, node: Node, cluster: NaiveCluster): boolean {
  const there = on(node, cluster);
  const { allocatable = {} } = node.status ?? {};
  if ((there.length + 1) * 1000 > amount(allocatable['pods'])) return false;
  return RESOURCES.every((name) => {
    const asked = needs(pod, name);
    const used = there.reduce((sum, other) => sum + needs(other, name), 0);
    return asked === 0 || asked + used <= amount(allocatable[name]);
  });
}

const nodeNamed = (name: string, { nodes }: NaiveCluster): Node | undefined =>
  nodes.find(({ metadata }) => metadata.name === name);

function unevenAfter(pod: Pod, node: Node, cluster: NaiveCluster): boolean {
  const constraints = (pod.spec.topologySpreadConstraints ?? []).filter(
    ({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule',
  );
  return constraints.some((constraint) => breaksSpread(pod, node, constraint, constraints, cluster));
}

function breaksSpread(
  pod: Pod,
  node: Node,
  constraint: TopologySpreadConstraint,
  all: readonly TopologySpreadConstraint[],
  cluster: NaiveCluster,
): boolean {
  const { topologyKey, maxSkew, minDomains = 1, labelSelector } = constraint;
  const own = node.metadata.labels?.[topologyKey];
  if (own === undefined) return true;
  const counts = (one: Pod): boolean =>
    one.metadata.namespace === pod.metadata.namespace &&
    !one.metadata.deletionTimestamp &&
    selects(labelSelector, one.metadata.labels) &&
    (!labelSelector ||
      (constraint.matchLabelKeys ?? []).every(
        (key) =>
          pod.metadata.labels?.[key] === undefined || one.metadata.labels?.[key] === pod.metadata.labels[key],
      ));
  const included = cluster.nodes.filter(
    (one) =>
      all.every((c) => one.metadata.labels?.[c.topologyKey] !== undefined) &&
      (constraint.nodeAffinityPolicy === 'Ignore' || selectsNode(pod, one)) &&
      (constraint.nodeTaintsPolicy !== 'Honor' || !tainted(pod, one)),
  );
  const domains = new Map<string, number>();
  for (const one of included) {
    const value = one.metadata.labels?.[topologyKey] ?? '';
    domains.set(value, (domains.get(value) ?? 0) + on(one, cluster).filter(counts).length);
  }
  if (domains.size === 0) return false;
  const least = domains.size < minDomains ? 0 : Math.min(...domains.values());
  return (domains.get(own) ?? 0) + (counts(pod) ? 1 : 0) - least > maxSkew;
}

function means(term: PodAffinityTerm, holder: Pod, other: Pod, cluster: NaiveCluster): boolean {
  const { namespaces = [], namespaceSelector, labelSelector } = term;
  const there = other.metadata.namespace ?? '';
  const inNamespace =
    namespaces.length === 0 && !namespaceSelector
      ? there === holder.metadata.namespace
      : namespaces.includes(there) || selects(namespaceSelector, cluster.namespaces[there] ?? {});
  return inNamespace && selects(labelSelector, other.metadata.labels);
}

/** Do two nodes share a place of this label? */
function together(a: Node, b: Node | undefined, topologyKey: string): boolean {
  const value = a.metadata.labels?.[topologyKey];
  return value !== undefined && value === b?.metadata.labels?.[topologyKey];
}

const requiredOf = (pod: Pod, anti: boolean): readonly PodAffinityTerm[] =>
  (anti ? pod.spec.affinity?.podAntiAffinity : pod.spec.affinity?.podAffinity)
    ?.requiredDuringSchedulingIgnoredDuringExecution ?? [];

function lacksCompany(pod: Pod, node: Node, cluster: NaiveCluster): boolean {
  const terms = requiredOf(pod, false);
  if (terms.length === 0) return false;
  if (terms.some(({ topologyKey }) => node.metadata.labels?.[topologyKey] === undefined)) return true;
  const company = (one: Pod): boolean => terms.every((term) => means(term, pod, one, cluster));
  const friends = cluster.placed.filter(({ pod: one }) => company(one));
  const near = terms.every(({ topologyKey }) =>
    friends.some(({ nodeName }) => together(node, nodeNamed(nodeName, cluster), topologyKey)),
  );
  const counted = friends.filter(({ nodeName }) =>
    terms.some(
      ({ topologyKey }) => nodeNamed(nodeName, cluster)?.metadata.labels?.[topologyKey] !== undefined,
    ),
  );
  return !near && !(counted.length === 0 && company(pod));
}

const tooClose = (pod: Pod, node: Node, cluster: NaiveCluster): boolean =>
  requiredOf(pod, true).some((term) =>
    cluster.placed.some(
      ({ pod: one, nodeName }) =>
        means(term, pod, one, cluster) && together(node, nodeNamed(nodeName, cluster), term.topologyKey),
    ),
  );

const unwelcome = (pod: Pod, node: Node, cluster: NaiveCluster): boolean =>
  cluster.placed.some(({ pod: one, nodeName }) =>
    requiredOf(one, true).some(
      (term) =>
        means(term, one, pod, cluster) && together(node, nodeNamed(nodeName, cluster), term.topologyKey),
    ),
  );
