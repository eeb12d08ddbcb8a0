import { configmaps } from '#proto/api/core/configmaps.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { secrets } from '#proto/api/core/secrets.ts';
import { services } from '#proto/api/core/services.ts';
import { endpointslices } from '#proto/api/discovery/endpointslices.ts';
import { ingressclasses } from '#proto/api/networking/ingressclasses.ts';
import { ingresses } from '#proto/api/networking/ingresses.ts';
import { isServed } from '#proto/ingress/ingress.ts';
import type { Logger } from '#proto/meta/log.ts';
import { type KubeObject, keyOf } from '#proto/meta/object.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Ingress } from '#proto/schema/generated/networking-v1.ts';
import type { Informer } from '#server/client/informer.ts';
import type { InformerFactory } from '#server/client/informer-factory.ts';
import type { FedKind } from './feed.plan.ts';
import type { FeedSource } from './feed.ts';
import { PolicyFeed } from './policies/policy-feed.ts';

const BY_NODE = 'by-node';

/**
 * The boards' feed from the informers that the controllers use too: no second copy of the objects. Boards get no Ingresses
 * where those are somebody else's.
 */
export function createInformerSource(
  informers: InformerFactory,
  options: { readonly ingress: boolean; readonly log: Logger },
): FeedSource {
  const podInformer = informers.for(pods);
  podInformer.addIndex(BY_NODE, (pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []));
  const policies = new PolicyFeed(informers, options.log);
  type Stored = Exclude<FedKind, 'networkpolicies' | 'addressgroups'>;
  const byKind: Record<Stored, Pick<Informer<KubeObject>, 'get' | 'list' | 'onChange'>> = {
    pods: podInformer as never,
    nodes: informers.for(nodes) as never,
    configmaps: informers.for(configmaps) as never,
    secrets: informers.for(secrets) as never,
    services: informers.for(services) as never,
    endpointslices: informers.for(endpointslices) as never,
    ingresses: options.ingress ? (servedIngresses(informers) as never) : NOTHING,
  };
  return {
    get(plural, key) {
      if (plural === 'networkpolicies') return policies.policy(key);
      return plural === 'addressgroups' ? policies.group(key) : byKind[plural].get(key);
    },
    list: (plural) =>
      plural === 'networkpolicies' || plural === 'addressgroups' ? [] : byKind[plural].list(),
    neededBy: (pods) => policies.neededBy(pods),
    podsOf: (nodeName) => podInformer.byIndex(BY_NODE, nodeName),
    onChange: (listener) => {
      const stops = (Object.keys(byKind) as Stored[]).map((plural) =>
        byKind[plural].onChange((_type, object) =>
          listener(plural, keyOf(object), plural === 'pods' ? (object as Pod).spec.nodeName : undefined),
        ),
      );
      stops.push(policies.onChange((plural, key) => listener(plural, key, undefined)));
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}

const NOTHING = { get: () => undefined, list: () => [], onChange: () => () => {} };

/** The Ingresses of our classes. When a class changes, each of its Ingresses may have become ours, or have ceased to be. */
function servedIngresses(informers: InformerFactory): Pick<Informer<Ingress>, 'get' | 'list' | 'onChange'> {
  const all = informers.for(ingresses);
  const classes = informers.for(ingressclasses);
  const ours = (ingress: Ingress | undefined): ingress is Ingress =>
    ingress !== undefined && isServed(ingress, (name) => classes.get(name));
  return {
    get: (key) => {
      const found = all.get(key);
      return ours(found) ? found : undefined;
    },
    list: () => all.list().filter(ours),
    onChange: (listener) => {
      const stops = [
        all.onChange(listener),
        classes.onChange(() => {
          for (const ingress of all.list()) listener('MODIFIED', ingress, ingress);
        }),
      ];
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}
