/**
 * Calls `once` `count` times in batches of 1, 2, 4, …; the first batch with a failure is the last. So a quota
 * or a webhook that refuses costs one call, not hundreds. `done` counts the calls that succeeded.
 */
export async function slowStart(
  count: number,
  once: () => Promise<void>,
): Promise<{ done: number; error: unknown }> {
  let done = 0;
  for (let batch = 1; done < count; batch *= 2) {
    const size = Math.min(batch, count - done);
    const results = await Promise.allSettled(Array.from({ length: size }, once));
    const failed = results.filter((result) => result.status === 'rejected');
    done += size - failed.length;
    if (failed[0]) return { done, error: failed[0].reason };
  }
  return { done, error: undefined };
}
