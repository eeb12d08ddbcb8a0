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
import { selfsubjectreviews } from '#proto/api/authentication/selfsubjectreviews.ts';
import { tokenreviews } from '#proto/api/authentication/tokenreviews.ts';
import { localsubjectaccessreviews } from '#proto/api/authorization/localsubjectaccessreviews.ts';
import { selfsubjectaccessreviews } from '#proto/api/authorization/selfsubjectaccessreviews.ts';
import { selfsubjectrulesreviews } from '#proto/api/authorization/selfsubjectrulesreviews.ts';
import { subjectaccessreviews } from '#proto/api/authorization/subjectaccessreviews.ts';
import { horizontalpodautoscalers } from '#proto/api/autoscaling/horizontalpodautoscalers.ts';
import { horizontalpodautoscalersV1 } from '#proto/api/autoscaling/horizontalpodautoscalers-v1.ts';
import { cronjobs } from '#proto/api/batch/cronjobs.ts';
import { jobs } from '#proto/api/batch/jobs.ts';
import { certificatesigningrequests } from '#proto/api/certificates/certificatesigningrequests.ts';
import { leases } from '#proto/api/coordination/leases.ts';
import { bindings } from '#proto/api/core/bindings.ts';
import { componentstatuses } from '#proto/api/core/componentstatuses.ts';
import { configmaps } from '#proto/api/core/configmaps.ts';
import { endpoints } from '#proto/api/core/endpoints.ts';
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
import { events as eventsOfEventsGroup } from '#proto/api/events/events.ts';
import { flowschemas } from '#proto/api/flowcontrol/flowschemas.ts';
import { prioritylevelconfigurations } from '#proto/api/flowcontrol/prioritylevelconfigurations.ts';
import { nodemetrics } from '#proto/api/metrics/nodemetrics.ts';
import { podmetrics } from '#proto/api/metrics/podmetrics.ts';
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

/**
 * Every kind of Kubernetes 1.36 that is generally available, in the order in which discovery shows them. Alpha
 * and beta versions are off, as they are upstream unless a feature asks for them; `metrics.k8s.io`, which
 * upstream's metrics-server adds, has no other version.
 */
export const resources: readonly Resource[] = [
  bindings,
  componentstatuses,
  configmaps,
  endpoints,
  events,
  limitranges,
  namespaces,
  nodes,
  persistentvolumeclaims,
  persistentvolumes,
  pods,
  podtemplates,
  replicationcontrollers,
  resourcequotas,
  secrets,
  serviceaccounts,
  services,
  mutatingadmissionpolicies,
  mutatingadmissionpolicybindings,
  mutatingwebhookconfigurations,
  validatingadmissionpolicies,
  validatingadmissionpolicybindings,
  validatingwebhookconfigurations,
  customresourcedefinitions,
  apiservices,
  controllerrevisions,
  daemonsets,
  deployments,
  replicasets,
  statefulsets,
  selfsubjectreviews,
  tokenreviews,
  localsubjectaccessreviews,
  selfsubjectaccessreviews,
  selfsubjectrulesreviews,
  subjectaccessreviews,
  horizontalpodautoscalers,
  horizontalpodautoscalersV1,
  cronjobs,
  jobs,
  certificatesigningrequests,
  leases,
  endpointslices,
  eventsOfEventsGroup,
  flowschemas,
  prioritylevelconfigurations,
  ingressclasses,
  ingresses,
  ipaddresses,
  networkpolicies,
  servicecidrs,
  runtimeclasses,
  poddisruptionbudgets,
  clusterrolebindings,
  clusterroles,
  rolebindings,
  roles,
  deviceclasses,
  resourceclaims,
  resourceclaimtemplates,
  resourceslices,
  priorityclasses,
  csidrivers,
  csinodes,
  csistoragecapacities,
  storageclasses,
  volumeattachments,
  volumeattributesclasses,
  nodemetrics,
  podmetrics,
];
