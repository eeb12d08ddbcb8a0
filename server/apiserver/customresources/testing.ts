import { customresourcedefinitions } from '#proto/api/apiextensions/customresourcedefinitions.ts';
import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from '#proto/schema/generated/apiextensions-v1.ts';
import type { Api } from '#server/apiserver/rest/api.ts';
import { createObject } from '#server/apiserver/rest/create.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { changeObject } from '#server/apiserver/rest/update.ts';
import { aCall } from '#server/apiserver/testing/test-api.ts';

export type AVersion = Partial<CustomResourceDefinitionVersion> & { readonly props?: JSONSchemaProps };

/** One version; `props` is the schema of the root beside its type. */
export const aVersion = ({ props, ...over }: AVersion = {}): CustomResourceDefinitionVersion => ({
  name: 'v1',
  served: true,
  storage: true,
  schema: { openAPIV3Schema: { type: 'object', ...props } },
  ...over,
});

/** A definition of `widgets.example.com`, not yet accepted. */
export const aDefinition = (
  versions: readonly AVersion[] = [{}],
  spec: Partial<CustomResourceDefinition['spec']> = {},
): CustomResourceDefinition => ({
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
    conversion: { strategy: 'None' },
    versions: versions.map(aVersion),
    ...spec,
  },
});

/** Creates the definition and does its controller's part; answers the kind in each served version. */
export async function install(api: Api, definition: CustomResourceDefinition): Promise<readonly Resource[]> {
  const { name = '' } = definition.metadata;
  await createObject(api, aCall(customresourcedefinitions), structuredClone(definition) as KubeObject);
  await changeObject(api, aCall(customresourcedefinitions, name, { subresource: 'status' }), (old) => {
    const next = structuredClone(old) as CustomResourceDefinition;
    const conditions = [{ type: 'Established', status: 'True' }];
    const acceptedNames = next.spec.names;
    next.status = { ...(next.status ?? { storedVersions: [] }), acceptedNames, conditions };
    return next;
  });
  return api.resources.all.filter((resource) => resource.group === definition.spec.group);
}

/** Changes what is stored under the version's nose, as another server with another schema would have. */
export const stored = (api: Api, key: string): Record<string, unknown> | undefined => {
  const entry = api.store.get(key);
  return entry && (objectOf(entry) as unknown as Record<string, unknown>);
};
