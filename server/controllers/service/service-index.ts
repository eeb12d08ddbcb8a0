import { pods } from '#proto/api/core/pods.ts';
import { services } from '#proto/api/core/services.ts';
import { keyOf } from '#proto/meta/object.ts';
import type { Pod, Service } from '#proto/schema/generated/core-v1.ts';
import type { Informer } from '#server/client/informer.ts';
import { indexByNamespace } from '#server/client/object-cache.ts';
import type { ControllerContext } from '#server/controllers/context.ts';
import { matchesLabels } from '#server/controllers/label-selector.ts';
import { hasEndpoints } from '#server/controllers/service/service-pods.ts';

/** Services and their pods: what both endpoint controllers look at. `changed` gets the service's key. */
export interface ServiceIndex {
  readonly services: Informer<Service>;
  readonly podsOf: (service: Service) => Pod[];
}

export function observeServices(context: ControllerContext, changed: (key: string) => void): ServiceIndex {
  const all = context.informers.for(services);
  const allPods = context.informers.for(pods);
  all.addIndex('namespace', indexByNamespace);
  allPods.addIndex('namespace', indexByNamespace);
  all.onChange((_type, service) => changed(keyOf(service)));
  allPods.onChange((type, pod, old) => {
    // Many status updates change nothing that an endpoint shows.
    if (type === 'MODIFIED' && old && !matters(pod, old)) return;
    for (const service of all.byIndex('namespace', pod.metadata.namespace ?? '')) {
      if (hasEndpoints(service) && (selects(service, pod) || (old && selects(service, old)))) {
        changed(keyOf(service));
      }
    }
  });
  return {
    services: all,
    podsOf: (service) =>
      allPods.byIndex('namespace', service.metadata.namespace ?? '').filter((pod) => selects(service, pod)),
  };
}

const selects = (service: Service, pod: Pod): boolean =>
  matchesLabels(service.spec.selector ?? {}, pod.metadata.labels);

function matters(pod: Pod, old: Pod): boolean {
  const shown = ({ metadata, spec, status }: Pod): string =>
    JSON.stringify([
      metadata.labels,
      metadata.deletionTimestamp !== undefined,
      spec.nodeName,
      status?.phase,
      status?.podIP,
      status?.podIPs,
      status?.conditions?.find((condition) => condition.type === 'Ready')?.status,
    ]);
  return shown(pod) !== shown(old);
}
