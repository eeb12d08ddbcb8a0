import { endpoints } from '#proto/api/core/endpoints.ts';
import { services } from '#proto/api/core/services.ts';
import { endpointslices } from '#proto/api/discovery/endpointslices.ts';
import type { Resource } from '#proto/api/resource.ts';
import type { Logger } from '#proto/meta/log.ts';
import { type KubeObject, keyOf } from '#proto/meta/object.ts';
import type { ApiClient } from '#server/client/client.ts';
import type { InformerFactory } from '#server/client/informer-factory.ts';
import { ensureSystemObjects, type SystemObjects } from './system-objects.ts';

/**
 * Makes the `kubernetes` Service and its endpoints again when somebody deletes them: `kubectl delete service --all` must
 * not cut Pods off from the API. Until the program ends.
 */
export function keepSystemObjects(options: {
  readonly client: ApiClient;
  readonly informers: InformerFactory;
  readonly objects: SystemObjects;
  readonly log: Logger;
}): void {
  const { client, informers, objects, log } = options;
  const again = (): void => {
    ensureSystemObjects(client, objects).catch((err: unknown) =>
      log.error('the kubernetes Service could not be made again', { err }),
    );
  };
  for (const resource of [services, endpoints, endpointslices] as readonly Resource[])
    informers.for<KubeObject>(resource).onChange((type, object) => {
      if (type === 'DELETED' && keyOf(object) === 'default/kubernetes') again();
    });
}
