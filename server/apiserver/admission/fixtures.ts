import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { Reinvocation } from '#server/apiserver/admission/reinvocation.ts';

/** For tests: a write by an administrator into `default`, unless `over` says otherwise. */
export function aWrite(
  resource: Resource,
  object: KubeObject | undefined,
  over: Partial<AdmissionAttributes> = {},
): AdmissionAttributes {
  return {
    resource,
    subresource: undefined,
    kind: resource,
    operation: 'CREATE',
    namespace: resource.namespaced ? (object?.metadata.namespace ?? 'default') : undefined,
    name: object?.metadata.name ?? over.oldObject?.metadata.name ?? '',
    object,
    oldObject: undefined,
    user: { name: 'admin', groups: ['system:masters'] },
    dryRun: false,
    options: undefined,
    versions: {
      equivalents: [resource],
      present: (stored) => structuredClone(stored),
      accept: (changed) => changed,
    },
    reinvocation: new Reinvocation(),
    annotate: () => {},
    warn: () => {},
    ...over,
  };
}

export const aPod = (name = 'web', spec: object = {}, metadata: object = {}): Pod => ({
  metadata: { name, namespace: 'default', ...metadata },
  spec: { containers: [{ name: 'main', image: 'nginx' }], ...spec },
});

/** Both rounds, as a write runs them. */
export async function run(plugin: AdmissionPlugin, attributes: AdmissionAttributes): Promise<void> {
  await plugin.admit?.(attributes);
  await plugin.validate?.(attributes);
}
