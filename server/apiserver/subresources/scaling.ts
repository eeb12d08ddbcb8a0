import type { KubeObject } from '#proto/meta/object.ts';
import { formatSelector, selectorFromLabels, selectorFromObject } from '#proto/meta/selector.ts';
import type { CustomResourceSubresourceScale } from '#proto/schema/generated/apiextensions-v1.ts';
import type { LabelSelector } from '#proto/schema/generated/meta-v1.ts';
import { setValueAt, valueAt } from '#server/apiserver/customresources/scale.ts';

/** Where an object keeps what its Scale shows. */
export interface Scaling {
  /** Of the spec as clients write it, for errors: `.spec.replicas`. */
  readonly path: string;
  /** Undefined where nobody has said how many. */
  replicasOf(object: KubeObject): number | undefined;
  statusReplicasOf(object: KubeObject): number;
  /** As text, for clients that count the Pods. */
  selectorOf(object: KubeObject): string;
  /** In place. */
  setReplicas(object: KubeObject, replicas: number): void;
}

/** What Deployments, ReplicaSets, ReplicationControllers and StatefulSets have in common. */
type Scalable = KubeObject & {
  spec: { replicas?: number; selector?: LabelSelector | Record<string, string> };
  status?: { replicas?: number };
};

export const builtinScaling: Scaling = {
  path: '.spec.replicas',
  replicasOf: (object) => (object as Scalable).spec.replicas ?? 0,
  statusReplicasOf: (object) => (object as Scalable).status?.replicas ?? 0,
  selectorOf: (object) => {
    const { kind, spec } = object as Scalable;
    // A ReplicationController's selector is a plain map.
    return kind === 'ReplicationController'
      ? formatSelector(selectorFromLabels(spec.selector as Record<string, string>))
      : formatSelector(selectorFromObject(spec.selector as LabelSelector | undefined));
  },
  setReplicas: (object, replicas) => {
    const scalable = object as Scalable;
    scalable.spec ??= {};
    scalable.spec.replicas = replicas;
  },
};

/** Of a custom kind, by the paths that its definition says. */
export function customScaling(paths: CustomResourceSubresourceScale): Scaling {
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = paths;
  const numberAt = (object: KubeObject, path: string): number | undefined => {
    const value = valueAt(object, path);
    return typeof value === 'number' ? value : undefined;
  };
  return {
    path: specReplicasPath,
    replicasOf: (object) => numberAt(object, specReplicasPath),
    statusReplicasOf: (object) => numberAt(object, statusReplicasPath) ?? 0,
    selectorOf: (object) => {
      const selector = labelSelectorPath && valueAt(object, labelSelectorPath);
      return typeof selector === 'string' ? selector : '';
    },
    setReplicas: (object, replicas) => void setValueAt(object, specReplicasPath, replicas),
  };
}
