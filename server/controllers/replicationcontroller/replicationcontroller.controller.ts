import { replicationcontrollers } from '#proto/api/core/replicationcontrollers.ts';
import type { ReplicationController } from '#proto/schema/generated/core-v1.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { WorkloadController } from '#server/controllers/replicaset/workload.controller.ts';
import type { WorkloadKind } from '#server/controllers/replicaset/workload.ts';

/** The elder brother of the ReplicaSet: a plain map for a selector, the same rules for all else. */
const replicationControllerKind: WorkloadKind<ReplicationController> = {
  resource: replicationcontrollers,
  component: 'replication-controller',
  view: ({ metadata, spec, status }) => ({
    metadata,
    replicas: spec.replicas ?? 1,
    minReadySeconds: spec.minReadySeconds ?? 0,
    selector: { matchLabels: spec.selector ?? {} },
    template: spec.template ?? {},
    status: status && { ...status },
  }),
  withStatus: (object, { terminatingReplicas: _, ...status }) => ({ ...object, status }),
};

export const createReplicationControllerController = (context: ControllerContext): Controller =>
  new WorkloadController(context, replicationControllerKind);
