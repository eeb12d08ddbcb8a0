import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { Issuer } from '#proto/pki/certificate.ts';
import type { ApiClient } from '#server/client/client.ts';
import { ApiEventRecorder } from '#server/client/events.ts';
import type { InformerFactory } from '#server/client/informer-factory.ts';
import type { ServedKinds } from '#server/client/served-kinds.ts';
import {
  type CheckApiService,
  createApiServiceController,
} from '#server/controllers/apiservice/apiservice.controller.ts';
import { createCertificatesController } from '#server/controllers/certificates/certificates.controller.ts';
import { createClusterRoleController } from '#server/controllers/clusterrole/clusterrole.controller.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createCronJobController } from '#server/controllers/cronjob/cronjob.controller.ts';
import { createCustomResourceDefinitionController } from '#server/controllers/customresourcedefinition/customresourcedefinition.controller.ts';
import { createDaemonSetController } from '#server/controllers/daemonset/daemonset.controller.ts';
import { createDeploymentController } from '#server/controllers/deployment/deployment.controller.ts';
import { createDisruptionController } from '#server/controllers/disruption/disruption.controller.ts';
import { createEndpointSliceMirroringController } from '#server/controllers/endpointslicemirroring/endpointslicemirroring.controller.ts';
import { createEphemeralVolumeController } from '#server/controllers/ephemeralvolume/ephemeralvolume.controller.ts';
import { createGarbageCollector } from '#server/controllers/garbagecollector/garbagecollector.controller.ts';
import { createHorizontalPodAutoscalerController } from '#server/controllers/horizontalpodautoscaler/horizontalpodautoscaler.controller.ts';
import { createIngressController } from '#server/controllers/ingress/ingress.controller.ts';
import { createJobController } from '#server/controllers/job/job.controller.ts';
import type { BoardStorage } from '#server/controllers/localpath/board-storage.ts';
import { createLocalPathController } from '#server/controllers/localpath/localpath.controller.ts';
import { createNamespaceController } from '#server/controllers/namespace/namespace.controller.ts';
import { createNodeIpamController } from '#server/controllers/nodeipam/nodeipam.controller.ts';
import { createNodeLifecycleController } from '#server/controllers/nodelifecycle/nodelifecycle.controller.ts';
import { createTaintEvictionController } from '#server/controllers/nodelifecycle/taint-eviction.controller.ts';
import { createPersistentVolumeController } from '#server/controllers/persistentvolume/persistentvolume.controller.ts';
import { createPodGcController } from '#server/controllers/podgc/podgc.controller.ts';
import { createReplicaSetController } from '#server/controllers/replicaset/replicaset.controller.ts';
import { createReplicationControllerController } from '#server/controllers/replicationcontroller/replicationcontroller.controller.ts';
import { createResourceQuotaController } from '#server/controllers/resourcequota/resourcequota.controller.ts';
import { createRootCaController } from '#server/controllers/rootca/rootca.controller.ts';
import type { IssueSecretToken } from '#server/controllers/satoken/satoken.controller.ts';
import { createServiceAccountTokenController } from '#server/controllers/satoken/satoken.controller.ts';
import { createEndpointsController } from '#server/controllers/service/endpoints.controller.ts';
import { createEndpointSliceController } from '#server/controllers/service/endpointslice.controller.ts';
import { createLoadBalancerController } from '#server/controllers/service/loadbalancer.controller.ts';
import { createServiceAccountController } from '#server/controllers/serviceaccount/serviceaccount.controller.ts';
import { createStatefulSetController } from '#server/controllers/statefulset/statefulset.controller.ts';
import { createStorageProtectionController } from '#server/controllers/storageprotection/storageprotection.controller.ts';
import { createTtlAfterFinishedController } from '#server/controllers/ttlafterfinished/ttlafterfinished.controller.ts';
import { createValidatingAdmissionPolicyController } from '#server/controllers/validatingadmissionpolicy/validatingadmissionpolicy.controller.ts';
import type { QueueMetrics } from '#server/metrics/queue-metrics.ts';

export interface ControllersOptions {
  readonly client: ApiClient;
  /** Shared with everybody in the program; may be started already. */
  readonly informers: InformerFactory;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Signs what CertificateSigningRequests ask for. */
  readonly issuer: Issuer;
  /** The cluster's CA: what pods trust the API by. */
  readonly caPem: string;
  /** The pod network that nodes get their blocks of: `10.42.0.0/16`. */
  readonly clusterCidr: string;
  /** Whether Services of type LoadBalancer get the boards' addresses. */
  readonly serviceLb: boolean;
  /** Ports that none of them gets: `TCP/6443`. */
  readonly reservedPorts: readonly string[];
  readonly issueToken: IssueSecretToken;
  /** All kinds that the API knows at the moment. */
  readonly kinds: ServedKinds;
  readonly checkApiService: CheckApiService;
  readonly boardStorage: BoardStorage;
  /** Whether Ingresses are ours to serve. */
  readonly ingress: boolean;
  readonly rng?: () => number;
  readonly queues?: QueueMetrics;
}

/** Every controller of the cluster. Resolves when all caches have synced and all of them work. */
export async function startControllers(options: ControllersOptions): Promise<void> {
  const { client, informers, clock, log, signal, caPem, kinds } = options;
  const context: ControllerContext = {
    client,
    informers,
    clock,
    log,
    rng: options.rng ?? Math.random,
    queues: options.queues,
    recorderFor: (component) => new ApiEventRecorder({ client, clock, log, component }),
  };
  const controllers: readonly Controller[] = [
    createNamespaceController(context, kinds),
    createServiceAccountController(context),
    createServiceAccountTokenController(context, caPem, options.issueToken),
    createRootCaController(context, caPem),
    createResourceQuotaController(context, kinds),
    createClusterRoleController(context),
    createCustomResourceDefinitionController(context),
    createApiServiceController(context, kinds, options.checkApiService),
    createCertificatesController(context, options.issuer),

    createNodeIpamController(context, options.clusterCidr),
    createNodeLifecycleController(context),
    createTaintEvictionController(context),

    createDeploymentController(context),
    createReplicaSetController(context),
    createReplicationControllerController(context),
    createStatefulSetController(context),
    createDaemonSetController(context),
    createJobController(context),
    createCronJobController(context),
    createTtlAfterFinishedController(context),
    createDisruptionController(context, () => kinds.all),
    createHorizontalPodAutoscalerController(context, () => kinds.all),

    createEndpointsController(context),
    createEndpointSliceController(context),
    createEndpointSliceMirroringController(context),
    ...(options.serviceLb ? [createLoadBalancerController(context, options.reservedPorts)] : []),
    ...(options.ingress ? [createIngressController(context)] : []),

    createPodGcController(context),
    createStorageProtectionController(context),
    createPersistentVolumeController(context),
    createEphemeralVolumeController(context),
    createLocalPathController(context, options.boardStorage),

    createValidatingAdmissionPolicyController(context, () => kinds.all),
  ];
  informers.start(signal);
  await informers.whenSynced(signal);
  for (const controller of controllers) controller.start(signal);
  // It watches every kind there is. One that can't be watched must not keep the others waiting.
  createGarbageCollector(context, kinds).start(signal);
  log.info('controllers started', { count: controllers.length + 1 });
}
