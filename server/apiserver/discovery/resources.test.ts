import { expect, test } from 'vitest';
import { resources } from '#proto/api/index.ts';
import { resourceList } from '#server/apiserver/discovery/discovery.ts';

/** Every resource of Kubernetes 1.36 that is stable, `group/version/plural`, with its subresources. */
const STABLE = `
  /v1/bindings
  /v1/componentstatuses
  /v1/configmaps
  /v1/endpoints
  /v1/events
  /v1/limitranges
  /v1/namespaces finalize status
  /v1/nodes proxy status
  /v1/persistentvolumeclaims status
  /v1/persistentvolumes status
  /v1/pods attach binding ephemeralcontainers eviction exec log portforward proxy resize status
  /v1/podtemplates
  /v1/replicationcontrollers scale status
  /v1/resourcequotas status
  /v1/secrets
  /v1/serviceaccounts token
  /v1/services proxy status
  admissionregistration.k8s.io/v1/mutatingadmissionpolicies
  admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings
  admissionregistration.k8s.io/v1/mutatingwebhookconfigurations
  admissionregistration.k8s.io/v1/validatingadmissionpolicies status
  admissionregistration.k8s.io/v1/validatingadmissionpolicybindings
  admissionregistration.k8s.io/v1/validatingwebhookconfigurations
  apiextensions.k8s.io/v1/customresourcedefinitions status
  apiregistration.k8s.io/v1/apiservices status
  apps/v1/controllerrevisions
  apps/v1/daemonsets status
  apps/v1/deployments scale status
  apps/v1/replicasets scale status
  apps/v1/statefulsets scale status
  authentication.k8s.io/v1/selfsubjectreviews
  authentication.k8s.io/v1/tokenreviews
  authorization.k8s.io/v1/localsubjectaccessreviews
  authorization.k8s.io/v1/selfsubjectaccessreviews
  authorization.k8s.io/v1/selfsubjectrulesreviews
  authorization.k8s.io/v1/subjectaccessreviews
  autoscaling/v1/horizontalpodautoscalers status
  autoscaling/v2/horizontalpodautoscalers status
  batch/v1/cronjobs status
  batch/v1/jobs status
  certificates.k8s.io/v1/certificatesigningrequests approval status
  coordination.k8s.io/v1/leases
  discovery.k8s.io/v1/endpointslices
  events.k8s.io/v1/events
  flowcontrol.apiserver.k8s.io/v1/flowschemas status
  flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations status
  networking.k8s.io/v1/ingressclasses
  networking.k8s.io/v1/ingresses status
  networking.k8s.io/v1/ipaddresses
  networking.k8s.io/v1/networkpolicies
  networking.k8s.io/v1/servicecidrs status
  node.k8s.io/v1/runtimeclasses
  policy/v1/poddisruptionbudgets status
  rbac.authorization.k8s.io/v1/clusterrolebindings
  rbac.authorization.k8s.io/v1/clusterroles
  rbac.authorization.k8s.io/v1/rolebindings
  rbac.authorization.k8s.io/v1/roles
  resource.k8s.io/v1/deviceclasses
  resource.k8s.io/v1/resourceclaims status
  resource.k8s.io/v1/resourceclaimtemplates
  resource.k8s.io/v1/resourceslices
  scheduling.k8s.io/v1/priorityclasses
  storage.k8s.io/v1/csidrivers
  storage.k8s.io/v1/csinodes
  storage.k8s.io/v1/csistoragecapacities
  storage.k8s.io/v1/storageclasses
  storage.k8s.io/v1/volumeattachments status
  storage.k8s.io/v1/volumeattributesclasses
`;

test.each(
  STABLE.trim()
    .split('\n')
    .map((line) => line.trim()),
)('%s', (line) => {
  const [path = '', ...subresources] = line.split(' ');
  const [group = '', version = '', plural = ''] = path.split('/');
  const list = resourceList(resources, group, version) as { resources: { name: string }[] } | undefined;
  const names = list?.resources.map(({ name }) => name) ?? [];
  expect(names).toContain(plural);
  for (const name of subresources) expect(names).toContain(`${plural}/${name}`);
});
