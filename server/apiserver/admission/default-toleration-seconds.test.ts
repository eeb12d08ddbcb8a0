import { expect, it } from 'vitest';
import { pods } from '#proto/api/core/pods.ts';
import type { Toleration } from '#proto/schema/generated/core-v1.ts';
import { defaultTolerationSeconds } from '#server/apiserver/admission/default-toleration-seconds.ts';
import { aPod, aWrite, run } from '#server/apiserver/admission/fixtures.ts';

const added = (word: string): Toleration => ({
  key: `node.kubernetes.io/${word}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 300,
});

it.each<[string, Toleration[] | undefined, Toleration[]]>([
  ['none', undefined, [added('not-ready'), added('unreachable')]],
  ['everything', [{ operator: 'Exists' }], []],
  ['all of an effect', [{ operator: 'Exists', effect: 'NoExecute' }], []],
  [
    'another effect',
    [{ operator: 'Exists', effect: 'NoSchedule' }],
    [added('not-ready'), added('unreachable')],
  ],
  ['one of both', [{ ...added('not-ready'), tolerationSeconds: 5 }], [added('unreachable')]],
])('adds to a Pod that tolerates %s what is missing', async (_, own, more) => {
  const pod = aPod('web', { tolerations: own });
  await run(defaultTolerationSeconds, aWrite(pods, pod));
  expect(pod.spec.tolerations).toEqual([...(own ?? []), ...more]);
});

it('leaves subresources alone', async () => {
  const pod = aPod();
  await run(defaultTolerationSeconds, aWrite(pods, pod, { operation: 'UPDATE', subresource: 'status' }));
  expect(pod.spec.tolerations).toBeUndefined();
});
