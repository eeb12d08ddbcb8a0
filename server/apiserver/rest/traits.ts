import { groupResourceOf, type Resource } from '#proto/api/resource.ts';
import { schema } from '#proto/schema/schema.ts';
import type { Strategy } from '#server/registry/strategy.ts';

/** What generic handlers do differently for single kinds, as upstream's strategies say. */
const idOf = (resource: Resource): string => {
  const { group, resource: plural } = groupResourceOf(resource);
  return group ? `${plural}.${group}` : plural;
};

export const hasStatus = (resource: Resource, strategy: Strategy): boolean =>
  strategy.hasStatus ?? resource.subresources?.some((s) => s.name === 'status') ?? false;

/** Kinds with a status whose spec is not counted upstream. */
const UNCOUNTED = new Set([
  'namespaces',
  'nodes',
  'persistentvolumes',
  'persistentvolumeclaims',
  'resourcequotas',
  'services',
  'certificatesigningrequests.certificates.k8s.io',
  'volumeattachments.storage.k8s.io',
  'horizontalpodautoscalers.autoscaling',
  'apiservices.apiregistration.k8s.io',
  'resourceclaims.resource.k8s.io',
]);

/** Kinds without a status whose changes are counted nevertheless. */
const COUNTED = new Set([
  'mutatingwebhookconfigurations.admissionregistration.k8s.io',
  'validatingwebhookconfigurations.admissionregistration.k8s.io',
  'validatingadmissionpolicybindings.admissionregistration.k8s.io',
  'mutatingadmissionpolicies.admissionregistration.k8s.io',
  'mutatingadmissionpolicybindings.admissionregistration.k8s.io',
  'networkpolicies.networking.k8s.io',
  'ingressclasses.networking.k8s.io',
  'endpointslices.discovery.k8s.io',
  'priorityclasses.scheduling.k8s.io',
  'resourceslices.resource.k8s.io',
  'deviceclasses.resource.k8s.io',
]);

export const countsGenerations = (resource: Resource, strategy: Strategy): boolean =>
  strategy.generation ??
  (COUNTED.has(idOf(resource)) || (hasStatus(resource, strategy) && !UNCOUNTED.has(idOf(resource))));

const CREATED_BY_PUT = new Set([
  'endpoints',
  'events',
  'limitranges',
  'podtemplates',
  'leases.coordination.k8s.io',
  'roles.rbac.authorization.k8s.io',
  'rolebindings.rbac.authorization.k8s.io',
  'clusterroles.rbac.authorization.k8s.io',
  'clusterrolebindings.rbac.authorization.k8s.io',
]);

/** May a PUT create the object? */
export const isCreatedByPut = (resource: Resource): boolean => CREATED_BY_PUT.has(idOf(resource));

const CONDITIONAL_ONLY = new Set([
  'customresourcedefinitions.apiextensions.k8s.io',
  'apiservices.apiregistration.k8s.io',
  'leases.coordination.k8s.io',
  'mutatingwebhookconfigurations.admissionregistration.k8s.io',
  'validatingwebhookconfigurations.admissionregistration.k8s.io',
  'poddisruptionbudgets.policy',
  'runtimeclasses.node.k8s.io',
  'csidrivers.storage.k8s.io',
  'csinodes.storage.k8s.io',
  'csistoragecapacities.storage.k8s.io',
]);

/** Must a PUT carry the resourceVersion that it replaces? */
export const needsRevision = (resource: Resource, strategy: Strategy): boolean =>
  strategy.unconditionalUpdate === false || CONDITIONAL_ONLY.has(idOf(resource));

const RETURNED_ON_DELETE = new Set([
  'pods',
  'services',
  'serviceaccounts',
  'persistentvolumes',
  'persistentvolumeclaims',
  'podtemplates',
  'resourcequotas',
  'podsecuritypolicies.policy',
]);

/** Does a delete that removed the object answer the object instead of a Status? */
export const isReturnedOnDelete = (resource: Resource): boolean => RETURNED_ON_DELETE.has(idOf(resource));

const ORPHANS_BY_DEFAULT = new Set(['replicationcontrollers', 'jobs.batch']);

/** Are dependents kept where a delete does not say what to do with them? */
export const orphansByDefault = (resource: Resource): boolean => ORPHANS_BY_DEFAULT.has(idOf(resource));

/** Groups that upstream keeps apart from Kubernetes' own rules: their finalizers are as free as those of custom kinds. */
const APART = new Set(['apiextensions.k8s.io', 'apiregistration.k8s.io']);

/** Must a finalizer be one of Kubernetes', or begin with a domain and a slash? */
export const takesKubeFinalizers = (resource: Resource): boolean =>
  !APART.has(resource.group) && schema.kind(resource) !== undefined;

export const isPods = (resource: Resource): boolean => idOf(resource) === 'pods';
export const isNamespaces = (resource: Resource): boolean => idOf(resource) === 'namespaces';
