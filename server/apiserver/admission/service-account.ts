import { randomInt } from 'node:crypto';
import { pods } from '#proto/api/core/pods.ts';
import { serviceaccounts } from '#proto/api/core/serviceaccounts.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Pod, ServiceAccount } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { mountApiToken } from '#server/apiserver/admission/api-token-volume.ts';
import {
  forbiddenIn,
  forbiddenSecret,
  isLimited,
} from '#server/apiserver/admission/mountable-secrets.plan.ts';
import { isAbout, refused } from '#server/apiserver/admission/refuse.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';

export interface ServiceAccountDeps {
  readonly reader: ObjectReader;
  readonly clock: Clock;
  /** In [0, 1): for the volume's name. */
  readonly random?: () => number;
}

const DEFAULT = 'default';
const MIRROR = 'kubernetes.io/config.mirror';
/** A namespace's first Pod often comes with the namespace itself, before the controller made its account. */
const WAIT = { everyMs: 50, times: 40 };

/**
 * Every Pod runs as a service account, has its token mounted unless that is switched off, and its pull secrets.
 * Rule: upstream's `ServiceAccount` admission.
 */
export function createServiceAccount(deps: ServiceAccountDeps): AdmissionPlugin {
  const random = deps.random ?? ((): number => randomInt(2 ** 32) / 2 ** 32);
  return {
    name: 'ServiceAccount',
    async admit(attributes) {
      const { object, operation } = attributes;
      if (!isAbout(attributes, pods) || operation !== 'CREATE' || !object) return;
      const pod = object as Pod;
      if (pod.metadata.annotations?.[MIRROR] !== undefined) {
        checkMirror(attributes, pod);
        return;
      }
      const { spec } = pod;
      spec.serviceAccountName ||= DEFAULT;
      spec.serviceAccount = spec.serviceAccountName;
      const account = await findAccount(deps, attributes, spec.serviceAccountName);
      if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true)
        mountApiToken(spec, random);
      if (!spec.imagePullSecrets?.length && account.imagePullSecrets?.length)
        spec.imagePullSecrets = account.imagePullSecrets.map(({ name }) => ({ name }));
    },
    async validate(attributes) {
      const { resource, subresource, operation, object } = attributes;
      if (resource.plural !== pods.plural || resource.group !== '' || !object) return;
      const isNew = operation === 'CREATE' && !subresource;
      if (!isNew && (operation !== 'UPDATE' || subresource !== 'ephemeralcontainers')) return;
      const pod = object as Pod;
      const { spec, metadata } = pod;
      if (metadata.annotations?.[MIRROR] !== undefined) return;
      const account = await findAccount(deps, attributes, spec.serviceAccountName ?? DEFAULT);
      if (!isLimited(account)) return;
      const forbidden = isNew
        ? forbiddenSecret(account, pod)
        : forbiddenIn('ephemeral container', spec.ephemeralContainers, account);
      if (forbidden) throw refused(attributes, forbidden);
    },
  };
}

async function findAccount(
  { reader, clock }: ServiceAccountDeps,
  attributes: AdmissionAttributes,
  name: string,
): Promise<ServiceAccount> {
  const { namespace } = attributes;
  for (let left = name === DEFAULT ? WAIT.times : 0; ; left--) {
    const found = reader.get(serviceaccounts, namespace, name);
    if (found) return found;
    if (left === 0) break;
    await clock.sleep(WAIT.everyMs);
  }
  const missing = `serviceaccount ${JSON.stringify(name)} not found`;
  throw refused(attributes, `error looking up service account ${namespace}/${name}: ${missing}`);
}

/** A board's own Pod runs whether the API knows of it or not, so nothing of the API may be lent to it. */
function checkMirror(attributes: AdmissionAttributes, { spec }: Pod): void {
  if (spec.serviceAccountName) throw refused(attributes, 'a mirror pod may not reference service accounts');
  const volumes = spec.volumes ?? [];
  const sources = volumes.flatMap((volume) => volume.projected?.sources ?? []);
  if (sources.some((source) => source.serviceAccountToken))
    throw refused(attributes, 'a mirror pod may not use ServiceAccountToken volume projections');
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const readsSecret = containers.some(
    ({ env, envFrom }) =>
      env?.some(({ valueFrom }) => valueFrom?.secretKeyRef) || envFrom?.some(({ secretRef }) => secretRef),
  );
  if (readsSecret || volumes.some(({ secret }) => secret) || sources.some(({ secret }) => secret))
    throw refused(attributes, 'a mirror pod may not reference secrets');
}
