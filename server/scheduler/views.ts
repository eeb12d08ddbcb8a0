/** What filters and scores read straight from the informers' caches. */
import { replicasets } from '#proto/api/apps/replicasets.ts';
import { statefulsets } from '#proto/api/apps/statefulsets.ts';
import { namespaces } from '#proto/api/core/namespaces.ts';
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { persistentvolumes } from '#proto/api/core/persistentvolumes.ts';
import { replicationcontrollers } from '#proto/api/core/replicationcontrollers.ts';
import { services } from '#proto/api/core/services.ts';
import { poddisruptionbudgets } from '#proto/api/policy/poddisruptionbudgets.ts';
import { storageclasses } from '#proto/api/storage/storageclasses.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { Service } from '#proto/schema/generated/core-v1.ts';
import type { LabelSelector } from '#proto/schema/generated/meta-v1.ts';
import type { Informer } from '#server/client/informer.ts';
import type { InformerFactory } from '#server/client/informer-factory.ts';
import { indexByNamespace } from '#server/client/object-cache.ts';
import { matchesLabels } from '#server/controllers/label-selector.ts';
import type { ClusterViews } from './node-cache.ts';
import type { PodInfo } from './pod-info.plan.ts';

const BY_NAMESPACE = 'namespace';

export interface Views extends ClusterViews {
  whenSynced(signal: AbortSignal): Promise<void>;
  /** Calls back when volumes, or the labels of namespaces, are others. Returns the function that ends it. */
  onChange(listener: (what: 'volume' | 'namespace') => void): () => void;
}

export function createViews(informers: InformerFactory): Views {
  const claims = informers.for(persistentvolumeclaims);
  const volumes = informers.for(persistentvolumes);
  const classes = informers.for(storageclasses);
  const spaces = informers.for(namespaces);
  const budgets = informers.for(poddisruptionbudgets);
  const owners = ownersOf(informers);
  const all = [claims, volumes, classes, spaces, budgets, ...owners.informers];
  return {
    volumes: {
      claim: (key) => claims.get(key),
      volume: (name) => volumes.get(name),
      volumes: () => volumes.values(),
      storageClass: (name) => classes.get(name),
    },
    namespaceLabels: (namespace) => spaces.get(namespace)?.metadata.labels,
    budgets: () => budgets.list(),
    defaultSelector: owners.selectorsOf,
    whenSynced: async (signal) => {
      await Promise.all(all.map((informer) => informer.whenSynced(signal)));
    },
    onChange: (listener) => {
      const stops = [
        ...[claims, volumes, classes].map((informer) => informer.onChange(() => listener('volume'))),
        spaces.onChange((_type, object, old) => {
          const labels = (one: KubeObject | undefined) => JSON.stringify(one?.metadata.labels);
          if (labels(object) !== labels(old)) listener('namespace');
        }),
      ];
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}

/** Rule: upstream's `helper.DefaultSelector`. */
function ownersOf(informers: InformerFactory): {
  readonly informers: readonly Informer<never>[];
  readonly selectorsOf: ClusterViews['defaultSelector'];
} {
  const allServices = informers.for(services);
  allServices.addIndex(BY_NAMESPACE, indexByNamespace);
  const sets = informers.for(replicasets);
  const controllers = informers.for(replicationcontrollers);
  const stateful = informers.for(statefulsets);
  const ofOwner = ({ pod, namespace }: PodInfo): LabelSelector | undefined => {
    const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller);
    if (!owner) return undefined;
    const key = `${namespace}/${owner.name}`;
    switch (`${owner.apiVersion} ${owner.kind}`) {
      case 'apps/v1 ReplicaSet':
        return sets.get(key)?.spec.selector;
      case 'apps/v1 StatefulSet':
        return stateful.get(key)?.spec.selector;
      case 'v1 ReplicationController': {
        const labels = controllers.get(key)?.spec.selector;
        return labels && { matchLabels: labels };
      }
      default:
        return undefined;
    }
  };
  const selects = ({ spec }: Service, { labels }: PodInfo): boolean =>
    Object.keys(spec.selector ?? {}).length > 0 && matchesLabels(spec.selector ?? {}, labels);
  return {
    informers: [allServices, sets, controllers, stateful] as unknown as readonly Informer<never>[],
    selectorsOf: (pod) => {
      const owner = ofOwner(pod);
      const selectors = owner ? [owner] : [];
      for (const service of allServices.byIndex(BY_NAMESPACE, pod.namespace))
        if (selects(service, pod)) selectors.push({ matchLabels: service.spec.selector ?? {} });
      return selectors.length === 0 ? undefined : selectors;
    },
  };
}
