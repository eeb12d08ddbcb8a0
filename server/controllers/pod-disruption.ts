import { withPodCondition } from '#proto/api/core/pod-condition.ts';
import { pods } from '#proto/api/core/pods.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { Pod, PodStatus } from '#proto/schema/generated/core-v1.ts';
import type { ApiClient } from '#server/client/client.ts';

/** Says in the pod's status why it goes, then deletes it; Job's failure policies read that. */
export async function disruptPod(
  client: ApiClient,
  pod: Pod,
  why: { readonly reason: string; readonly message: string; readonly force: boolean; readonly fail: boolean },
  now: number,
): Promise<void> {
  const { namespace, name = '', uid, resourceVersion } = pod.metadata;
  const key = { namespace, name };
  const { reason, message } = why;
  const conditions = withPodCondition(
    pod,
    { type: 'DisruptionTarget', status: 'True', reason, message },
    now,
  );
  const over = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  const status: PodStatus = { conditions, ...(why.fail && !over ? { phase: 'Failed' } : {}) };
  try {
    // The list of conditions is replaced as a whole, so it carries the revision that it was read at.
    const body = { metadata: { uid, resourceVersion }, status };
    if (!over) await client.patch(pods, key, 'merge', body, { subresource: 'status' });
    await client.delete(pods, key, {
      ...(why.force ? { gracePeriodSeconds: 0 } : {}),
      ...(uid ? { preconditions: { uid } } : {}),
    });
  } catch (err) {
    if (!isNotFound(err)) throw err;
  }
}
