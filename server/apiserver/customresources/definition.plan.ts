import type { Resource, Subresource, Verb } from '#proto/api/resource.ts';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
} from '#proto/schema/generated/apiextensions-v1.ts';

/** Is the condition of this type there, and true? */
export const isConditionTrue = (definition: CustomResourceDefinition, type: string): boolean =>
  definition.status?.conditions?.some((c) => c.type === type && c.status === 'True') ?? false;

const ALL: readonly Verb[] = [
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'create',
  'update',
  'watch',
];
/** While all objects are being deleted, clients are not told of more than this. */
const TERMINATING: readonly Verb[] = ['delete', 'deletecollection', 'get', 'list', 'watch'];
const PART: readonly Verb[] = ['get', 'patch', 'update'];

/** What discovery and the generic handlers know of one version of a custom kind, under the names that were accepted. */
export function describeVersion(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
): Resource {
  const { group, scope } = definition.spec;
  const names = definition.status?.acceptedNames ?? definition.spec.names;
  const { plural, kind, shortNames, categories } = names;
  const subresources = subresourcesOf(version, kind);
  return {
    group,
    version: version.name,
    plural,
    singular: names.singular || kind.toLowerCase(),
    kind,
    listKind: names.listKind || `${kind}List`,
    namespaced: scope === 'Namespaced',
    ...(shortNames?.length ? { shortNames } : {}),
    ...(categories?.length ? { categories } : {}),
    verbs: isConditionTrue(definition, 'Terminating') ? TERMINATING : ALL,
    ...(subresources.length > 0 ? { subresources } : {}),
    ...(version.deprecated
      ? { deprecated: version.deprecationWarning || `${group}/${version.name} ${kind} is deprecated` }
      : {}),
  };
}

function subresourcesOf({ subresources }: CustomResourceDefinitionVersion, kind: string): Subresource[] {
  return [
    ...(subresources?.status ? [{ name: 'status', kind, verbs: PART }] : []),
    ...(subresources?.scale
      ? [{ name: 'scale', kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: PART }]
      : []),
  ];
}
