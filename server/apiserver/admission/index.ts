import type { Clock } from '#proto/meta/clock.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { certificateAdmission } from '#server/apiserver/admission/certificates.ts';
import { createClaimResize } from '#server/apiserver/admission/claim-resize.ts';
import { createDefaultIngressClass } from '#server/apiserver/admission/default-ingress-class.ts';
import { DefaultStorageClass } from '#server/apiserver/admission/default-storage-class.ts';
import { defaultTolerationSeconds } from '#server/apiserver/admission/default-toleration-seconds.ts';
import { createLimitRanger } from '#server/apiserver/admission/limit-ranger.ts';
import { createNamespaceLifecycle } from '#server/apiserver/admission/namespace-lifecycle.ts';
import { NodeRestriction } from '#server/apiserver/admission/node-restriction.ts';
import { createPodResize } from '#server/apiserver/admission/pod-resize.ts';
import { createPodSecurity } from '#server/apiserver/admission/pod-security.ts';
import { createPodTopologyLabels } from '#server/apiserver/admission/pod-topology-labels.ts';
import { Priority } from '#server/apiserver/admission/priority.ts';
import { ResourceQuotaAdmission } from '#server/apiserver/admission/resource-quota.ts';
import { RuntimeClassAdmission } from '#server/apiserver/admission/runtime-class.ts';
import { createServiceAccount } from '#server/apiserver/admission/service-account.ts';
import { storageProtection } from '#server/apiserver/admission/storage-protection.ts';
import { taintNodesByCondition } from '#server/apiserver/admission/taint-nodes.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import type { Authorizer } from '#server/apiserver/authz/authorizer.ts';

export interface AdmissionDeps {
  /** Over the store: there before the API is, always current, and never a call that had to be admitted itself. */
  readonly reader: ObjectReader;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  /** What users configure, policies and webhooks: they see a write after all that is built in, before it is counted. */
  readonly configured?: readonly AdmissionPlugin[];
  /** In [0, 1): for generated names. */
  readonly random?: () => number;
}

/** Who writes what the cluster stands on: system objects, default roles, what aggregated servers trust. */
export const SERVER_USER: UserInfo = { name: 'system:apiserver', groups: ['system:masters'] };

/**
 * What the server needs in order to start is written without asking anybody: a webhook that is to answer in a Pod is reached
 * only after it has started, and a policy that keeps it from starting could not be taken back.
 */
function butForServer(plugin: AdmissionPlugin): AdmissionPlugin {
  const isOwn = ({ user }: AdmissionAttributes): boolean => user.name === SERVER_USER.name;
  return {
    name: plugin.name,
    admit: (attributes) => (isOwn(attributes) ? undefined : plugin.admit?.(attributes)),
    validate: (attributes) => (isOwn(attributes) ? undefined : plugin.validate?.(attributes)),
  };
}

/** The plugins that are always on, in the order in which they see a write: upstream's. */
export function createAdmission(deps: AdmissionDeps): readonly AdmissionPlugin[] {
  const { reader } = deps;
  return [
    createNamespaceLifecycle(reader),
    createLimitRanger(reader),
    createServiceAccount(deps),
    new NodeRestriction(reader, deps.authorizer),
    taintNodesByCondition,
    createPodSecurity(reader),
    new Priority(reader),
    defaultTolerationSeconds,
    new DefaultStorageClass(reader),
    storageProtection,
    createClaimResize(reader),
    new RuntimeClassAdmission(reader),
    ...certificateAdmission(deps.authorizer),
    createDefaultIngressClass(reader),
    createPodTopologyLabels(reader),
    createPodResize(reader),
    ...(deps.configured ?? []).map(butForServer),
    // Last: what it grants must be written, or nothing else refuses it.
    new ResourceQuotaAdmission(reader, deps.clock),
  ];
}
