/** A group and version as discovery lists it, whoever serves it. */
export interface RemoteVersion {
  readonly group: string;
  readonly version: string;
  readonly groupPriority: number;
  readonly versionPriority: number;
  /** `Stale` while its server does not answer: what it had then. */
  readonly freshness: 'Current' | 'Stale';
  /** As aggregated discovery has them. */
  readonly resources: readonly object[];
}

/** One entry of an `APIResourceList`, as a server outside answers it. */
interface ListedResource {
  readonly name?: unknown;
  readonly singularName?: unknown;
  readonly namespaced?: unknown;
  readonly kind?: unknown;
  readonly group?: unknown;
  readonly version?: unknown;
  readonly verbs?: unknown;
  readonly shortNames?: unknown;
  readonly categories?: unknown;
}

/**
 * The resources of an `APIResourceList`, subresources below theirs, in the form of aggregated discovery. Rule:
 * `ConvertGroupVersionIntoToDiscovery` of apiserver `pkg/endpoints`.
 */
export function discoveryResources(
  listed: unknown,
  { group, version }: { readonly group: string; readonly version: string },
): object[] {
  const resources = (listed as { resources?: unknown } | null)?.resources;
  if (!Array.isArray(resources)) return [];
  const entries = resources.filter(
    (entry): entry is ListedResource & { name: string } => typeof entry?.name === 'string',
  );
  const kindOf = (entry: ListedResource): object => ({
    group: entry.group || group,
    version: entry.version || version,
    kind: entry.kind ?? '',
  });
  return entries
    .filter(({ name }) => !name.includes('/'))
    .map((entry) => {
      const subresources = entries
        .filter(({ name }) => name.startsWith(`${entry.name}/`))
        .map((sub) => ({
          subresource: sub.name.slice(entry.name.length + 1),
          responseKind: kindOf(sub),
          verbs: sub.verbs ?? [],
        }));
      return {
        resource: entry.name,
        responseKind: kindOf(entry),
        scope: entry.namespaced ? 'Namespaced' : 'Cluster',
        singularResource: entry.singularName ?? '',
        verbs: entry.verbs ?? [],
        ...(Array.isArray(entry.shortNames) ? { shortNames: entry.shortNames } : {}),
        ...(Array.isArray(entry.categories) ? { categories: entry.categories } : {}),
        ...(subresources.length > 0 ? { subresources } : {}),
      };
    });
}
