import { apiVersionOf, type Resource, type Subresource } from '#proto/api/resource.ts';
import { compareVersions } from '#server/apiserver/discovery/version-order.ts';

/** Groups in the order in which clients should prefer them. Rule: upstream's aggregator priorities. */
const GROUP_ORDER: readonly string[] = [
  '',
  'apiregistration.k8s.io',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  'discovery.k8s.io',
  'resource.k8s.io',
  'flowcontrol.apiserver.k8s.io',
];

interface Group {
  readonly name: string;
  /** Newest first. */
  readonly versions: readonly { readonly version: string; readonly resources: readonly Resource[] }[];
}

function groupsOf(resources: readonly Resource[]): Group[] {
  const groups = new Map<string, Map<string, Resource[]>>();
  for (const resource of resources) {
    const versions = groups.get(resource.group) ?? new Map<string, Resource[]>();
    groups.set(resource.group, versions);
    versions.set(resource.version, [...(versions.get(resource.version) ?? []), resource]);
  }
  const rank = (name: string): number => GROUP_ORDER.indexOf(name) + 1 || GROUP_ORDER.length + 1;
  return [...groups]
    .map(([name, versions]) => ({
      name,
      versions: [...versions]
        .map(([version, list]) => ({
          version,
          resources: [...list].sort((a, b) => (a.plural < b.plural ? -1 : 1)),
        }))
        .sort((a, b) => compareVersions(a.version, b.version)),
    }))
    .sort((a, b) => rank(a.name) - rank(b.name) || (a.name < b.name ? -1 : 1));
}

/** `GET /api` and `GET /apis` with aggregation: everything in two requests. `core` picks which of them. */
export function aggregatedDiscovery(
  resources: readonly Resource[],
  core: boolean,
  version: 'v2' | 'v2beta1',
): object {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groupsOf(resources)
      .filter((group) => (group.name === '') === core)
      .map((group) => ({
        metadata: { ...(group.name ? { name: group.name } : {}), creationTimestamp: null },
        versions: group.versions.map((v) => ({
          version: v.version,
          resources: v.resources.map(discoveryOf),
          freshness: 'Current',
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
    resources: own.flatMap((r) => [mainOf(r), ...(r.subresources ?? []).map((sub) => subOf(r, sub))]),
  };
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
export const groupList = (resources: readonly Resource[]): object => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: groupsOf(resources)
    .filter((group) => group.name !== '')
    .map(groupOf),
});

/** `GET /apis/apps`; undefined where no such group is served. */
export function groupDocument(resources: readonly Resource[], name: string): object | undefined {
  const group = groupsOf(resources).find((g) => g.name === name && name !== '');
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
