import { storageclasses } from '#proto/api/storage/storageclasses.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { StorageClass } from '#proto/schema/generated/storage-v1.ts';
import { newestDefault } from '#server/apiserver/admission/newest-default.ts';
import type { ApiClient } from '#server/client/client.ts';
import { BETA_DEFAULT_CLASS, DEFAULT_CLASS } from '#server/controllers/persistentvolume/storage-facts.ts';
import { LOCAL_PATH } from './provision.plan.ts';

const NAME = 'local-path';

const hasDefault = (classes: readonly StorageClass[]): boolean =>
  newestDefault(classes, [DEFAULT_CLASS, BETA_DEFAULT_CLASS]) !== undefined;

/**
 * The class that claims get by default, where no other is that already; what a user has changed about it stays. Switched off, it is taken away, where it is
 * ours: claims must not wait for a provisioner that serves no more. Volumes that there are stay.
 */
export async function ensureLocalPathClass(client: ApiClient, wanted: boolean): Promise<void> {
  const there = await client.get(storageclasses, { name: NAME }).catch((err: unknown) => {
    if (isNotFound(err)) return undefined;
    throw err;
  });
  if (!wanted && there?.provisioner === LOCAL_PATH) await client.delete(storageclasses, { name: NAME });
  if (!wanted || there) return;
  // The newest default counts: a cluster that has one keeps it.
  const isDefault = !hasDefault((await client.list(storageclasses)).items);
  await client.create(storageclasses, {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: NAME, annotations: { [DEFAULT_CLASS]: String(isDefault) } },
    provisioner: LOCAL_PATH,
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'WaitForFirstConsumer',
  });
}
