import { describe, expect, it } from 'vitest';
import { pods } from '#proto/api/core/pods.ts';
import { runtimeclasses } from '#proto/api/node/runtimeclasses.ts';
import { aPod, aWrite, run } from '#server/apiserver/admission/fixtures.ts';
import { RuntimeClassAdmission } from '#server/apiserver/admission/runtime-class.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';

describe('RuntimeClass', () => {
  async function aPlugin() {
    const { reader, put } = aCluster();
    await put(runtimeclasses, {
      metadata: { name: 'kata' },
      handler: 'kata',
      overhead: { podFixed: { memory: '64Mi' } },
      scheduling: { nodeSelector: { vm: 'yes' }, tolerations: [{ key: 'vm', operator: 'Exists' }] },
    });
    return new RuntimeClassAdmission(reader);
  }

  it("adds the runtime's overhead and its nodes", async () => {
    const pod = aPod('web', { runtimeClassName: 'kata', nodeSelector: { disk: 'ssd' } });
    await run(await aPlugin(), aWrite(pods, pod));
    expect(pod.spec).toMatchObject({
      overhead: { memory: '64Mi' },
      nodeSelector: { disk: 'ssd', vm: 'yes' },
      tolerations: [{ key: 'vm', operator: 'Exists' }],
    });
  });

  it.each([
    [{ runtimeClassName: 'none' }, 'pod rejected: RuntimeClass "none" not found'],
    [
      { runtimeClassName: 'kata', overhead: { memory: '1Mi' } },
      "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
    ],
    [
      { overhead: { memory: '1Mi' } },
      'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
    ],
    [
      { runtimeClassName: 'kata', nodeSelector: { vm: 'no' } },
      'conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no',
    ],
  ])('refuses %o', async (spec, why) => {
    await expect(run(await aPlugin(), aWrite(pods, aPod('web', spec)))).rejects.toMatchObject({
      code: 403,
      message: `pods "web" is forbidden: ${why}`,
    });
  });
});
