import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { ReplicaSetStatus } from '#proto/schema/generated/apps-v1.ts';
import type { PodTemplateSpec } from '#proto/schema/generated/core-v1.ts';
import type { LabelSelector } from '#proto/schema/generated/meta-v1.ts';

/** What ReplicaSets and ReplicationControllers have in common: one set of rules serves both. */
export interface Workload {
  readonly metadata: KubeObject['metadata'];
  readonly replicas: number;
  readonly minReadySeconds: number;
  readonly selector: LabelSelector;
  readonly template: PodTemplateSpec;
  readonly status: ReplicaSetStatus | undefined;
}

/** How one kind is seen as a workload. Both kinds' statuses have the same shape. */
export interface WorkloadKind<O extends KubeObject> {
  readonly resource: Resource<O>;
  readonly component: string;
  readonly view: (object: O) => Workload;
  readonly withStatus: (object: O, status: ReplicaSetStatus) => O;
}
