import { replicasets } from '#proto/api/apps/replicasets.ts';
import type { ReplicaSet } from '#proto/schema/generated/apps-v1.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { WorkloadController } from '#server/controllers/replicaset/workload.controller.ts';
import type { WorkloadKind } from '#server/controllers/replicaset/workload.ts';

export const replicaSetKind: WorkloadKind<ReplicaSet> = {
  resource: replicasets,
  component: 'replicaset-controller',
  view: ({ metadata, spec, status }) => ({
    metadata,
    replicas: spec.replicas ?? 1,
    minReadySeconds: spec.minReadySeconds ?? 0,
    selector: spec.selector ?? {},
    template: spec.template ?? {},
    status,
  }),
  withStatus: (object, status) => ({ ...object, status }),
};

export const createReplicaSetController = (context: ControllerContext): Controller =>
  new WorkloadController(context, replicaSetKind);
