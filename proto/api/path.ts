import type { ObjectKey } from '#proto/meta/object.ts';
import type { Resource } from './resource.ts';

/** `/apis/apps/v1/namespaces/default/deployments/web/scale`. Without a name: the collection; without a namespace: of all. */
export function pathOf(resource: Resource, key: Partial<ObjectKey> = {}, subresource?: string): string {
  const root = resource.group ? `/apis/${resource.group}/${resource.version}` : `/api/${resource.version}`;
  const namespace = key.namespace ? `/namespaces/${encodeURIComponent(key.namespace)}` : '';
  const name = key.name ? `/${encodeURIComponent(key.name)}` : '';
  return `${root}${namespace}/${resource.plural}${name}${subresource ? `/${subresource}` : ''}`;
}
