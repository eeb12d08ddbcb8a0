import { mutatingadmissionpolicies } from '#proto/api/admissionregistration/mutatingadmissionpolicies.ts';
import { mutatingadmissionpolicybindings } from '#proto/api/admissionregistration/mutatingadmissionpolicybindings.ts';
import { mutatingwebhookconfigurations } from '#proto/api/admissionregistration/mutatingwebhookconfigurations.ts';
import { validatingadmissionpolicies } from '#proto/api/admissionregistration/validatingadmissionpolicies.ts';
import { validatingadmissionpolicybindings } from '#proto/api/admissionregistration/validatingadmissionpolicybindings.ts';
import { validatingwebhookconfigurations } from '#proto/api/admissionregistration/validatingwebhookconfigurations.ts';
import { customresourcedefinitions } from '#proto/api/apiextensions/customresourcedefinitions.ts';
import { apiservices } from '#proto/api/apiregistration/apiservices.ts';
import { controllerrevisions } from '#proto/api/apps/controllerrevisions.ts';
import { daemonsets } from '#proto/api/apps/daemonsets.ts';
import { deployments } from '#proto/api/apps/deployments.ts';
import { replicasets } from '#proto/api/apps/replicasets.ts';
import { statefulsets } from '#proto/api/apps/statefulsets.ts';
import { horizontalpodautoscalers } from '#proto/api/autoscaling/horizontalpodautoscalers.ts';
import { cronjobs } from '#proto/api/batch/cronjobs.ts';
import { jobs } from '#proto/api/batch/jobs.ts';
import { certificatesigningrequests } from '#proto/api/certificates/certificatesigningrequests.ts';
import { leases } from '#proto/api/coordination/leases.ts';
import { configmaps } from '#proto/api/core/configmaps.ts';
import { endpoints as endpointResource } from '#proto/api/core/endpoints.ts';
import { events } from '#proto/api/core/events.ts';
import { limitranges } from '#proto/api/core/limitranges.ts';
import { namespaces } from '#proto/api/core/namespaces.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { persistentvolumes } from '#proto/api/core/persistentvolumes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { podtemplates } from '#proto/api/core/podtemplates.ts';
import { replicationcontrollers } from '#proto/api/core/replicationcontrollers.ts';
import { resourcequotas } from '#proto/api/core/resourcequotas.ts';
import { secrets } from '#proto/api/core/secrets.ts';
import { serviceaccounts } from '#proto/api/core/serviceaccounts.ts';
import { services } from '#proto/api/core/services.ts';
import { endpointslices } from '#proto/api/discovery/endpointslices.ts';
import { flowschemas } from '#proto/api/flowcontrol/flowschemas.ts';
import { prioritylevelconfigurations } from '#proto/api/flowcontrol/prioritylevelconfigurations.ts';
import { ingressclasses } from '#proto/api/networking/ingressclasses.ts';
import { ingresses } from '#proto/api/networking/ingresses.ts';
import { ipaddresses } from '#proto/api/networking/ipaddresses.ts';
import { networkpolicies } from '#proto/api/networking/networkpolicies.ts';
import { servicecidrs } from '#proto/api/networking/servicecidrs.ts';
import { runtimeclasses } from '#proto/api/node/runtimeclasses.ts';
import { poddisruptionbudgets } from '#proto/api/policy/poddisruptionbudgets.ts';
import { clusterrolebindings } from '#proto/api/rbac/clusterrolebindings.ts';
import { clusterroles } from '#proto/api/rbac/clusterroles.ts';
import { rolebindings } from '#proto/api/rbac/rolebindings.ts';
import { roles } from '#proto/api/rbac/roles.ts';
import { deviceclasses } from '#proto/api/resource/deviceclasses.ts';
import { resourceclaims } from '#proto/api/resource/resourceclaims.ts';
import { resourceclaimtemplates } from '#proto/api/resource/resourceclaimtemplates.ts';
import { resourceslices } from '#proto/api/resource/resourceslices.ts';
import type { Resource } from '#proto/api/resource.ts';
import { priorityclasses } from '#proto/api/scheduling/priorityclasses.ts';
import { csidrivers } from '#proto/api/storage/csidrivers.ts';
import { csinodes } from '#proto/api/storage/csinodes.ts';
import { csistoragecapacities } from '#proto/api/storage/csistoragecapacities.ts';
import { storageclasses } from '#proto/api/storage/storageclasses.ts';
import { volumeattachments } from '#proto/api/storage/volumeattachments.ts';
import { volumeattributesclasses } from '#proto/api/storage/volumeattributesclasses.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import {
  mutatingAdmissionPolicy,
  mutatingAdmissionPolicyBinding,
} from '#server/registry/admissionregistration/mutating-policy.ts';
import {
  validatingAdmissionPolicy,
  validatingAdmissionPolicyBinding,
} from '#server/registry/admissionregistration/validating-policy.ts';
import {
  mutatingWebhookConfiguration,
  validatingWebhookConfiguration,
} from '#server/registry/admissionregistration/webhook.ts';
import { customResourceDefinition } from '#server/registry/apiextensions/custom-resource-definition.ts';
import { apiService } from '#server/registry/apiregistration/api-service.ts';
import { controllerRevision } from '#server/registry/apps/controller-revision.ts';
import { daemonSet } from '#server/registry/apps/daemon-set.ts';
import { deployment } from '#server/registry/apps/deployment.ts';
import { replicaSet } from '#server/registry/apps/replica-set.ts';
import { statefulSet } from '#server/registry/apps/stateful-set.ts';
import { horizontalPodAutoscaler } from '#server/registry/autoscaling/horizontal-pod-autoscaler.ts';
import { cronJob } from '#server/registry/batch/cron-job.ts';
import { job } from '#server/registry/batch/job.ts';
import { certificateSigningRequest } from '#server/registry/certificates/certificate-signing-request.ts';
import { lease } from '#server/registry/coordination/lease.ts';
import { configMap } from '#server/registry/core/config-map.ts';
import { endpoints } from '#server/registry/core/endpoints.ts';
import { event } from '#server/registry/core/event.ts';
import { limitRange } from '#server/registry/core/limit-range.ts';
import { namespace } from '#server/registry/core/namespace.ts';
import { node } from '#server/registry/core/node.ts';
import { persistentVolume } from '#server/registry/core/persistent-volume.ts';
import { persistentVolumeClaim } from '#server/registry/core/persistent-volume-claim.ts';
import { pod } from '#server/registry/core/pod.ts';
import { podTemplate } from '#server/registry/core/pod-template.ts';
import { replicationController } from '#server/registry/core/replication-controller.ts';
import { resourceQuota } from '#server/registry/core/resource-quota.ts';
import { secret } from '#server/registry/core/secret.ts';
import { service } from '#server/registry/core/service.ts';
import { serviceAccount } from '#server/registry/core/service-account.ts';
import { endpointSlice } from '#server/registry/discovery/endpoint-slice.ts';
import { flowSchema } from '#server/registry/flowcontrol/flow-schema.ts';
import { priorityLevelConfiguration } from '#server/registry/flowcontrol/priority-level-configuration.ts';
import { ingress } from '#server/registry/networking/ingress.ts';
import { ingressClass } from '#server/registry/networking/ingress-class.ts';
import { ipAddress, serviceCidr } from '#server/registry/networking/ip-address.ts';
import { networkPolicy } from '#server/registry/networking/network-policy.ts';
import { runtimeClass } from '#server/registry/node/runtime-class.ts';
import { podDisruptionBudget } from '#server/registry/policy/pod-disruption-budget.ts';
import { clusterRole, role } from '#server/registry/rbac/role.ts';
import { clusterRoleBinding, roleBinding } from '#server/registry/rbac/role-binding.ts';
import {
  deviceClass,
  resourceClaim,
  resourceClaimTemplate,
  resourceSlice,
} from '#server/registry/resource/dynamic-resources.ts';
import { priorityClass } from '#server/registry/scheduling/priority-class.ts';
import {
  csiDriver,
  csiNode,
  csiStorageCapacity,
  volumeAttachment,
  volumeAttributesClass,
} from '#server/registry/storage/csi.ts';
import { storageClass } from '#server/registry/storage/storage-class.ts';
import type { Strategy } from '#server/registry/strategy.ts';

/**
 * Ties a strategy to its kind; the type of the object is checked here and given up in the map. Kinds with a
 * status begin with an empty one whatever a client sent, then the strategy fills it; Nodes alone bring theirs.
 */
function bind<T extends KubeObject>(resource: Resource<T>, strategy: Strategy<T>): [string, Strategy] {
  const id = `${resource.group}/${resource.plural}`;
  const hasStatus = resource.subresources?.some((subresource) => subresource.name === 'status') ?? false;
  const bound: Strategy<T> = hasStatus && id !== '/nodes' ? withEmptyStatus(strategy) : strategy;
  return [id, bound as unknown as Strategy];
}

const withEmptyStatus = <T extends KubeObject>(strategy: Strategy<T>): Strategy<T> => ({
  ...strategy,
  prepareForCreate: (object, context) => {
    (object as { status?: unknown }).status = {};
    strategy.prepareForCreate?.(object, context);
  },
});

/**
 * What is particular to each stored kind, by `group/plural`; the core group's begin with the slash: `/pods`.
 * Kinds that are only ever answered (reviews, bindings) have none.
 */
export const strategies: ReadonlyMap<string, Strategy> = new Map([
  bind(mutatingadmissionpolicies, mutatingAdmissionPolicy),
  bind(mutatingadmissionpolicybindings, mutatingAdmissionPolicyBinding),
  bind(validatingadmissionpolicies, validatingAdmissionPolicy),
  bind(validatingadmissionpolicybindings, validatingAdmissionPolicyBinding),
  bind(mutatingwebhookconfigurations, mutatingWebhookConfiguration),
  bind(validatingwebhookconfigurations, validatingWebhookConfiguration),
  bind(customresourcedefinitions, customResourceDefinition),
  bind(apiservices, apiService),
  bind(controllerrevisions, controllerRevision),
  bind(daemonsets, daemonSet),
  bind(deployments, deployment),
  bind(replicasets, replicaSet),
  bind(statefulsets, statefulSet),
  bind(horizontalpodautoscalers, horizontalPodAutoscaler),
  bind(cronjobs, cronJob),
  bind(jobs, job),
  bind(certificatesigningrequests, certificateSigningRequest),
  bind(leases, lease),
  bind(configmaps, configMap),
  bind(endpointResource, endpoints),
  bind(events, event),
  bind(limitranges, limitRange),
  bind(namespaces, namespace),
  bind(nodes, node),
  bind(persistentvolumes, persistentVolume),
  bind(persistentvolumeclaims, persistentVolumeClaim),
  bind(pods, pod),
  bind(podtemplates, podTemplate),
  bind(replicationcontrollers, replicationController),
  bind(resourcequotas, resourceQuota),
  bind(secrets, secret),
  bind(services, service),
  bind(serviceaccounts, serviceAccount),
  bind(endpointslices, endpointSlice),
  bind(flowschemas, flowSchema),
  bind(prioritylevelconfigurations, priorityLevelConfiguration),
  bind(ingresses, ingress),
  bind(ingressclasses, ingressClass),
  bind(ipaddresses, ipAddress),
  bind(servicecidrs, serviceCidr),
  bind(networkpolicies, networkPolicy),
  bind(runtimeclasses, runtimeClass),
  bind(poddisruptionbudgets, podDisruptionBudget),
  bind(roles, role),
  bind(clusterroles, clusterRole),
  bind(rolebindings, roleBinding),
  bind(clusterrolebindings, clusterRoleBinding),
  bind(deviceclasses, deviceClass),
  bind(resourceclaims, resourceClaim),
  bind(resourceclaimtemplates, resourceClaimTemplate),
  bind(resourceslices, resourceSlice),
  bind(priorityclasses, priorityClass),
  bind(csidrivers, csiDriver),
  bind(csinodes, csiNode),
  bind(csistoragecapacities, csiStorageCapacity),
  bind(volumeattachments, volumeAttachment),
  bind(volumeattributesclasses, volumeAttributesClass),
  bind(storageclasses, storageClass),
]);
