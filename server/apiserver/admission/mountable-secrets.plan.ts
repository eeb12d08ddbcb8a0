/** What a Pod may not read because its service account does not list it. Rule: upstream's `limitSecretReferences`. */
import type { Container, Pod, ServiceAccount } from '#proto/schema/generated/core-v1.ts';

const ANNOTATION = 'kubernetes.io/enforce-mountable-secrets';
const TRUE = ['1', 't', 'T', 'true', 'TRUE', 'True'];

export const isLimited = ({ metadata }: ServiceAccount): boolean =>
  TRUE.includes(metadata.annotations?.[ANNOTATION] ?? '');

/** The first such reference of a new Pod, as the refusal says it. */
export function forbiddenSecret(account: ServiceAccount, { spec }: Pod): string | undefined {
  const listed = (account.secrets ?? []).map(({ name }) => name);
  for (const { secret } of spec.volumes ?? []) {
    if (!secret || listed.includes(secret.secretName)) continue;
    return `volume with secret.secretName="${secret.secretName ?? ''}"${notAllowed(account)} secret`;
  }
  const first =
    forbiddenIn('init container', spec.initContainers, account) ??
    forbiddenIn('container', spec.containers, account);
  if (first) return first;
  const pull = spec.imagePullSecrets ?? [];
  const at = pull.findIndex(({ name }) => !account.imagePullSecrets?.some((one) => one.name === name));
  return at < 0
    ? undefined
    : `imagePullSecrets[${at}].name="${pull[at]?.name ?? ''}"${notAllowed(account)} imagePullSecret`;
}

type Reading = Pick<Container, 'name' | 'env' | 'envFrom'>;

/** The same of containers alone; `what` names their sort. */
export function forbiddenIn(
  what: string,
  containers: readonly Reading[] | undefined,
  account: ServiceAccount,
): string | undefined {
  const listed = (account.secrets ?? []).map(({ name }) => name);
  for (const { name, env = [], envFrom = [] } of containers ?? []) {
    for (const { name: variable, valueFrom } of env) {
      const ref = valueFrom?.secretKeyRef;
      if (!ref || listed.includes(ref.name)) continue;
      return `${what} ${name} with envVar ${variable} referencing secret.secretName="${ref.name ?? ''}"${notAllowed(account)} secret`;
    }
    for (const { secretRef } of envFrom) {
      if (!secretRef || listed.includes(secretRef.name)) continue;
      return `${what} ${name} with envFrom referencing secret.secretName="${secretRef.name ?? ''}"${notAllowed(account)} secret`;
    }
  }
  return undefined;
}

const notAllowed = ({ metadata }: ServiceAccount): string =>
  ` is not allowed because service account ${metadata.name} does not reference that`;
