/** What one object takes of a ResourceQuota, and which kinds a quota counts. Rule: upstream's quota evaluators. */

import { type Amounts, differenceOf, podAmounts, sumOf } from '#proto/api/core/amounts.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { compareQuantities } from '#proto/meta/quantity.ts';
import type {
  Container,
  PersistentVolumeClaim,
  Pod,
  ResourceList,
  ResourceQuota,
  Service,
} from '#proto/schema/generated/core-v1.ts';
import { isInScope } from '#server/quota/scopes.plan.ts';

export interface CountedKind {
  readonly group: string;
  readonly plural: string;
}

/** Kinds that count under their own name as well, from before `count/…`. */
const NAMED = [
  'configmaps',
  'persistentvolumeclaims',
  'pods',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'services',
];
const PER_CLASS = '.storageclass.storage.k8s.io/';
const BETA_CLASS = 'volume.beta.kubernetes.io/storage-class';

/** The kind whose objects this name of a quota adds up. */
export function kindOf(name: string): CountedKind {
  if (name.startsWith('count/')) {
    const [plural = '', ...group] = name.slice('count/'.length).split('.');
    return { plural, group: group.join('.') };
  }
  if (name.startsWith('services.')) return { group: '', plural: 'services' };
  if (name === 'requests.storage' || name.includes(PER_CLASS))
    return { group: '', plural: 'persistentvolumeclaims' };
  return { group: '', plural: NAMED.includes(name) ? name : 'pods' };
}

/** Every amount under which the object counts; `now` in epoch milliseconds. */
export function usageOf({ group, plural }: CountedKind, object: KubeObject, now: number): ResourceList {
  const usage: ResourceList = { [group ? `count/${plural}.${group}` : `count/${plural}`]: '1' };
  if (group !== '') return usage;
  if (plural === 'pods') return { ...usage, ...podUsage(object as Pod, now) };
  if (NAMED.includes(plural)) usage[plural] = '1';
  if (plural === 'services') Object.assign(usage, serviceUsage(object as Service));
  if (plural === 'persistentvolumeclaims') Object.assign(usage, claimUsage(object as PersistentVolumeClaim));
  return usage;
}

/** What all these objects take of the quota, for every name of it that counts this kind. */
export function usedOf(
  quota: ResourceQuota,
  kind: CountedKind,
  objects: Iterable<KubeObject>,
  now: number,
): ResourceList {
  const names = Object.keys(quota.spec.hard ?? {}).filter((name) => isKind(kindOf(name), kind));
  let used: ResourceList = Object.fromEntries(names.map((name) => [name, '0']));
  for (const object of objects) used = sumOf(used, shareOf(quota, names, kind, object, now));
  return used;
}

/** What the change from `old` to `next` takes in addition; empty where it takes nothing. */
export function requestedOf(
  quota: ResourceQuota,
  kind: CountedKind,
  next: KubeObject,
  old: KubeObject | undefined,
  now: number,
): ResourceList {
  const names = Object.keys(quota.spec.hard ?? {}).filter((name) => isKind(kindOf(name), kind));
  const share = (object: KubeObject): ResourceList => shareOf(quota, names, kind, object, now);
  const more = old ? differenceOf(share(next), share(old)) : share(next);
  return Object.fromEntries(Object.entries(more).filter(([, amount]) => compareQuantities(amount, '0') > 0));
}

const isKind = (a: CountedKind, b: CountedKind): boolean => a.plural === b.plural && a.group === b.group;

function shareOf(
  quota: ResourceQuota,
  names: readonly string[],
  kind: CountedKind,
  object: KubeObject,
  now: number,
): ResourceList {
  if (!isInScope(quota, kind, object)) return {};
  return masked(usageOf(kind, object, now), names);
}

/** Only these names. */
export const masked = (amounts: Amounts, names: readonly string[]): ResourceList =>
  Object.fromEntries(Object.entries(amounts).filter(([name]) => names.includes(name)));

function podUsage(pod: Pod, now: number): ResourceList {
  const usage: ResourceList = {};
  if (hasEnded(pod, now)) return usage;
  usage['pods'] = '1';
  for (const [name, amount] of Object.entries(podAmounts(pod.spec, 'requests'))) {
    usage[`requests.${name}`] = amount;
    // Devices have the long name alone.
    if (!name.includes('/')) usage[name] = amount;
  }
  for (const [name, amount] of Object.entries(podAmounts(pod.spec, 'limits')))
    usage[`limits.${name}`] = amount;
  return usage;
}

/** What ended, or should have by now, holds nothing any more. */
function hasEnded({ metadata, status }: Pod, now: number): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return true;
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  if (!deletionTimestamp || deletionGracePeriodSeconds === undefined) return false;
  return now > Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1000;
}

function serviceUsage({ spec }: Service): ResourceList {
  const ports = String(spec.ports?.length ?? 0);
  switch (spec.type) {
    case 'NodePort':
      return { 'services.nodeports': ports };
    case 'LoadBalancer': {
      // Without allocation, what was asked for by number.
      const asked = String(spec.ports?.filter(({ nodePort }) => nodePort).length ?? 0);
      const nodePorts = spec.allocateLoadBalancerNodePorts === false ? asked : ports;
      return { 'services.loadbalancers': '1', 'services.nodeports': nodePorts };
    }
    default:
      return {};
  }
}

function claimUsage({ metadata, spec }: PersistentVolumeClaim): ResourceList {
  const storage = spec.resources?.requests?.['storage'];
  const name = metadata.annotations?.[BETA_CLASS] ?? spec.storageClassName;
  const ofClass = name ? `${name}${PER_CLASS}` : undefined;
  return {
    ...(storage ? { 'requests.storage': storage } : {}),
    ...(ofClass ? { [`${ofClass}persistentvolumeclaims`]: '1' } : {}),
    ...(ofClass && storage ? { [`${ofClass}requests.storage`]: storage } : {}),
  };
}

const REQUIRED = ['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory'];

/** What a quota on it forces every container to say, and which do not: `cpu for: main`; empty where all do. */
export function unspecifiedIn(quota: ResourceQuota, { spec }: Pod): string[] {
  return Object.keys(quota.spec.hard ?? {})
    .filter((name) => REQUIRED.includes(name) && !specifies(spec, name))
    .sort()
    .flatMap((name) => {
      const silent = [...spec.containers, ...(spec.initContainers ?? [])].filter((c) => !specifies(c, name));
      const names = [...new Set(silent.map((container) => container.name))].sort();
      return names.length > 0 ? [`${name} for: ${names.join(',')}`] : [];
    });
}

function specifies({ resources }: Pick<Container, 'resources'>, name: string): boolean {
  const [side, resource] = name.includes('.') ? name.split('.') : ['requests', name];
  return (side === 'limits' ? resources?.limits : resources?.requests)?.[resource ?? ''] !== undefined;
}
