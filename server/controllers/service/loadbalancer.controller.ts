import { nodes } from '#proto/api/core/nodes.ts';
import { services } from '#proto/api/core/services.ts';
import { endpointslices } from '#proto/api/discovery/endpointslices.ts';
import { keyOf } from '#proto/meta/object.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { Node, Service } from '#proto/schema/generated/core-v1.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import { SERVICE_NAME } from '#server/controllers/service/endpointslice.plan.ts';
import { ensured, failed } from '#server/controllers/service/loadbalancer.events.ts';
import {
  boardAddresses,
  isBalanced,
  planLoadBalancers,
} from '#server/controllers/service/loadbalancer.plan.ts';

/** Services want the same ports of the same boards: they are looked at together. */
const ALL = 'all';
const SERVICE = 'load-balanced';

const serviceOf = ({ metadata }: EndpointSlice): string[] => {
  const name = metadata.labels?.[SERVICE_NAME];
  return name ? [`${metadata.namespace}/${name}`] : [];
};

/** Keeps the addresses of Services of type LoadBalancer. `reservedPorts`: `TCP/6443`, what boards need themselves. */
export function createLoadBalancerController(
  context: ControllerContext,
  reservedPorts: readonly string[],
): Controller {
  const { client, informers } = context;
  const all = informers.for(services);
  const allNodes = informers.for(nodes);
  const slices = informers.for(endpointslices);
  slices.addIndex(SERVICE, serviceOf);
  const events = context.recorderFor('service-controller');
  const reserved = new Set(reservedPorts);
  /** What was told of each Service, so that it is told once. */
  const told = new Map<string, string>();
  const queue = createQueue(
    context,
    'service-lb',
    async () => {
      const steps = planLoadBalancers({
        services: all.list(),
        nodes: allNodes.list(),
        nodesWithEndpoints: (service) => nodesOf(slices.byIndex(SERVICE, keyOf(service))),
        reserved,
      });
      const refused = new Map(
        steps.flatMap(({ service, refused: why }) => (why ? [[keyOf(service), why]] : [])),
      );
      for (const key of [...told.keys()]) if (!refused.has(key)) told.delete(key);
      for (const { service, ingress, refused: why } of steps) {
        if (ingress) await write(service, ingress);
        const key = keyOf(service);
        if (why !== undefined && told.get(key) !== why) events.event(service, failed(why));
        else if (why === undefined && ingress && ingress.length > 0) events.event(service, ensured);
        if (why !== undefined) told.set(key, why);
      }
    },
    1,
  );
  const write = async ({ metadata }: Service, ingress: readonly object[]): Promise<void> => {
    const { namespace, name = '' } = metadata;
    const loadBalancer = { ingress: ingress.length > 0 ? ingress : null };
    try {
      await client.patch(
        services,
        { namespace, name },
        'merge',
        { metadata: { uid: metadata.uid }, status: { loadBalancer } },
        { subresource: 'status' },
      );
    } catch (err) {
      if (!isNotFound(err)) throw err;
    }
  };

  all.onChange((_type, service, old) => {
    if (isBalancer(service) || (old && isBalancer(old))) queue.add(ALL);
  });
  allNodes.onChange((_type, node, old) => {
    if (!old || shown(node) !== shown(old)) queue.add(ALL);
  });
  slices.onChange((_type, slice) => {
    const [key = ''] = serviceOf(slice);
    const service = all.get(key);
    if (service && isBalanced(service) && service.spec.externalTrafficPolicy === 'Local') queue.add(ALL);
  });
  return { start: (signal) => queue.start(signal) };
}

const isBalancer = ({ spec }: Service): boolean => spec.type === 'LoadBalancer';

/** Heartbeats change nothing of this. */
const shown = (node: Node): string => JSON.stringify(boardAddresses([node]));

/** Those that end but still serve are better than none. */
function nodesOf(slices: readonly EndpointSlice[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { endpoints } of slices)
    for (const { nodeName, conditions } of endpoints ?? [])
      if (nodeName && ((conditions?.ready ?? true) || conditions?.serving)) found.add(nodeName);
  return found;
}
