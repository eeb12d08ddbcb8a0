import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { nodemetrics } from '#proto/api/metrics/nodemetrics.ts';
import { podmetrics } from '#proto/api/metrics/podmetrics.ts';
import { notFound } from '#proto/meta/status-error.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import type { VirtualKind } from '#server/apiserver/subresources/virtual-kind.ts';
import { nodeMetrics, podMetrics } from '#server/metrics/usage.plan.ts';
import type { UsageStore } from '#server/metrics/usage-store.ts';

/** `metrics.k8s.io`, from what boards report: what metrics-server is elsewhere. */
export function metricsKinds(reader: ObjectReader, usage: UsageStore): readonly VirtualKind[] {
  // A Pod's figures are taken from its own board alone: another board has nothing to say of it.
  const ofPod = (pod: Pod) => podMetrics(pod, usage.pairOf(pod.spec.nodeName ?? ''));
  return [
    {
      resource: nodemetrics,
      get: (_namespace, name) => {
        const node = reader.get(nodes, undefined, name);
        const metrics = node && nodeMetrics(node, usage.pairOf(name));
        if (!metrics) throw notFound({ group: nodemetrics.group, resource: 'nodemetrics' }, name);
        return metrics;
      },
      list: () =>
        reader.list(nodes).flatMap((node) => nodeMetrics(node, usage.pairOf(node.metadata.name ?? '')) ?? []),
    },
    {
      resource: podmetrics,
      get: (namespace, name) => {
        const pod = reader.get(pods, namespace, name);
        const metrics = pod && ofPod(pod);
        if (!metrics)
          throw notFound({ group: podmetrics.group, resource: 'podmetrics' }, `${namespace}/${name}`);
        return metrics;
      },
      list: (namespace) => reader.list(pods, namespace).flatMap((pod) => ofPod(pod) ?? []),
    },
  ];
}
