import { createHash } from 'node:crypto';
import { apiVersionOf, type Resource, type Subresource } from '#proto/api/resource.ts';
import { schema } from '#proto/schema/schema.ts';
import type { RemoteVersion } from '#server/apiserver/aggregator/remote-discovery.plan.ts';
import { compareVersions } from '#server/apiserver/discovery/version-order.ts';
import { storedOf } from '#server/apiserver/rest/conversion.ts';
import {
  builtinPriority,
  CUSTOM_PRIORITY,
  type Priority,
} from '#server/registry/apiregistration/priorities.plan.ts';

interface Version {
  readonly version: string;
  readonly priority: Priority;
  readonly resources: readonly Resource[];
  /** Another server's, whatever is here of the same name. */
  readonly remote?: RemoteVersion;
}

interface Group {
  readonly name: string;
  /** Preferred first. */
  readonly versions: readonly Version[];
}

/** Groups and versions in the order in which clients should prefer them. Rule: `SortedByGroupAndVersion` of kube-aggregator. */
function groupsOf(resources: readonly Resource[], remotes: readonly RemoteVersion[]): Group[] {
  const groups = new Map<string, Map<string, Version>>();
  const versionsOf = (name: string): Map<string, Version> => {
    const versions = groups.get(name) ?? new Map<string, Version>();
    groups.set(name, versions);
    return versions;
  };
  for (const resource of resources) {
    const { group, version } = resource;
    const versions = versionsOf(group);
    const others = versions.get(version)?.resources ?? [];
    const priority = builtinPriority(group, version) ?? CUSTOM_PRIORITY;
    versions.set(version, { version, priority, resources: [...others, resource] });
  }
  for (const remote of remotes) {
    const { group, version, groupPriority, versionPriority } = remote;
    const priority = { group: groupPriority, version: versionPriority };
    versionsOf(group).set(version, { version, priority, resources: [], remote });
  }
  const rank = ({ versions }: Group): number => Math.max(...versions.map(({ priority }) => priority.group));
  return [...groups]
    .map(([name, versions]) => ({
      name,
      versions: [...versions.values()]
        .map((v) => ({ ...v, resources: [...v.resources].sort((a, b) => (a.plural < b.plural ? -1 : 1)) }))
        .sort((a, b) => b.priority.version - a.priority.version || compareVersions(a.version, b.version)),
    }))
    .sort((a, b) => rank(b) - rank(a) || (a.name < b.name ? -1 : 1));
}

/** `GET /api` and `GET /apis` with aggregation: everything in two requests. `core` picks which of them. */
export function aggregatedDiscovery(
  resources: readonly Resource[],
  core: boolean,
  version: 'v2' | 'v2beta1',
  remotes: readonly RemoteVersion[] = [],
): object {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groupsOf(resources, remotes)
      .filter((group) => (group.name === '') === core)
      .map((group) => ({
        metadata: { ...(group.name ? { name: group.name } : {}), creationTimestamp: null },
        versions: group.versions.map((v) => ({
          version: v.version,
          resources: v.remote?.resources ?? v.resources.map(discoveryOf),
          freshness: v.remote?.freshness ?? 'Current',
        })),
      })),
  };
}

const scopeOf = (resource: Resource): string => (resource.namespaced ? 'Namespaced' : 'Cluster');

const kindOf = (r: { group?: string; version?: string; kind: string }, parent: Resource): object => ({
  group: r.group ?? parent.group,
  version: r.version ?? parent.version,
  kind: r.kind,
});

function discoveryOf(resource: Resource): object {
  return {
    resource: resource.plural,
    responseKind: kindOf(resource, resource),
    scope: scopeOf(resource),
    singularResource: resource.singular,
    verbs: resource.verbs,
    ...(resource.shortNames ? { shortNames: resource.shortNames } : {}),
    ...(resource.categories ? { categories: resource.categories } : {}),
    ...(resource.subresources
      ? {
          subresources: resource.subresources.map((sub) => ({
            subresource: sub.name,
            responseKind: kindOf(sub, resource),
            verbs: sub.verbs,
          })),
        }
      : {}),
  };
}

/** `GET /api/v1`, `GET /apis/apps/v1`; undefined where no such version is served. */
export function resourceList(
  resources: readonly Resource[],
  group: string,
  version: string,
): object | undefined {
  const own = resources
    .filter((r) => r.group === group && r.version === version)
    .sort((a, b) => (a.plural < b.plural ? -1 : 1));
  if (own.length === 0) return undefined;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: apiVersionOf({ group, version }),
    resources: own.flatMap((r) => [
      { ...mainOf(r), ...storageOf(resources, r) },
      ...(r.subresources ?? []).map((sub) => subOf(r, sub)),
    ]),
  };
}

/** By which clients see that objects are kept in another version than before. Rule: `discovery.StorageVersionHash`. */
function storageOf(resources: readonly Resource[], resource: Resource): object {
  if (!resource.verbs.includes('get') || !resource.verbs.includes('create')) return {};
  const { group, version, kind } = storedOf(resource);
  const isOnly = resources.every(
    (r) => r.group !== group || r.kind !== kind || r.version === resource.version,
  );
  // Which one of a custom kind's versions is kept, its descriptor does not say.
  if (!isOnly && !schema.kind(resource)) return {};
  const hash = createHash('sha256').update(`${group}/${version}/${kind}`).digest();
  return { storageVersionHash: hash.subarray(0, 8).toString('base64') };
}

const mainOf = (r: Resource): object => ({
  name: r.plural,
  singularName: r.singular,
  namespaced: r.namespaced,
  kind: r.kind,
  verbs: r.verbs,
  ...(r.shortNames ? { shortNames: r.shortNames } : {}),
  ...(r.categories ? { categories: r.categories } : {}),
});

const subOf = (r: Resource, sub: Subresource): object => ({
  name: `${r.plural}/${sub.name}`,
  singularName: '',
  namespaced: r.namespaced,
  ...(sub.group === undefined ? {} : { group: sub.group }),
  ...(sub.version === undefined ? {} : { version: sub.version }),
  kind: sub.kind,
  verbs: sub.verbs,
});

/** `GET /apis` without aggregation. */
export const groupList = (
  resources: readonly Resource[],
  remotes: readonly RemoteVersion[] = [],
): object => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: groupsOf(resources, remotes)
    .filter((group) => group.name !== '')
    .map(groupOf),
});

/** `GET /apis/apps`; undefined where no such group is served. */
export function groupDocument(
  resources: readonly Resource[],
  name: string,
  remotes: readonly RemoteVersion[] = [],
): object | undefined {
  const group = groupsOf(resources, remotes).find((g) => g.name === name && name !== '');
  return group && { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(group) };
}

function groupOf(group: Group): { name: string; versions: object[]; preferredVersion: object | undefined } {
  const versions = group.versions.map(({ version }) => ({
    groupVersion: apiVersionOf({ group: group.name, version }),
    version,
  }));
  return { name: group.name, versions, preferredVersion: versions[0] };
}

/** `GET /api` without aggregation. */
export const coreVersions = (serverAddress: string): object => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
});
