import type { Container, PodSpec, Volume } from '#proto/schema/generated/core-v1.ts';

const PREFIX = 'kube-api-access-';
const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
/** An hour and what a slow clock may be off: the board fetches a new one long before. */
const EXPIRATION_SECONDS = 3607;
const FILE_MODE = 0o644;
/** No vowels and no look-alikes, as generated names have it. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** Mounts token, CA and namespace in every container that has nothing at that path yet. */
export function mountApiToken(spec: PodSpec, random: () => number): void {
  const present = spec.volumes?.find(({ name }) => name.startsWith(PREFIX));
  const name = present?.name ?? PREFIX + suffix(random);
  let needed = false;
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    if (hasMount(container)) continue;
    needed = true;
    const mount = { name, readOnly: true, mountPath: MOUNT_PATH };
    container.volumeMounts = [...(container.volumeMounts ?? []), mount];
  }
  if (needed && !present) spec.volumes = [...(spec.volumes ?? []), volumeOf(name)];
}

const hasMount = ({ volumeMounts }: Container): boolean =>
  volumeMounts?.some(({ mountPath }) => mountPath === MOUNT_PATH) ?? false;

const suffix = (random: () => number): string =>
  Array.from({ length: 5 }, () => ALPHABET[Math.floor(random() * ALPHABET.length)]).join('');

const volumeOf = (name: string): Volume => ({
  name,
  projected: {
    sources: [
      { serviceAccountToken: { expirationSeconds: EXPIRATION_SECONDS, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      {
        downwardAPI: {
          items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
        },
      },
    ],
    defaultMode: FILE_MODE,
  },
});
