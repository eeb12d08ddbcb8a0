import { describe, expect, it } from 'vitest';
import { limitranges } from '#proto/api/core/limitranges.ts';
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { pods } from '#proto/api/core/pods.ts';
import type { LimitRangeItem, PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import { aPod, aWrite, run } from '#server/apiserver/admission/fixtures.ts';
import { createLimitRanger } from '#server/apiserver/admission/limit-ranger.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';

async function aPlugin(...limits: LimitRangeItem[]) {
  const { reader, put } = aCluster();
  await put(limitranges, { metadata: { name: 'l', namespace: 'default' }, spec: { limits } });
  return createLimitRanger(reader);
}

const asking = (requests?: object, limits?: object) =>
  aPod('web', { containers: [{ name: 'main', image: 'i', resources: { requests, limits } }] });

describe('LimitRanger', () => {
  it('sets what containers do not ask for, and says so', async () => {
    const plugin = await aPlugin({
      type: 'Container',
      default: { cpu: '1', memory: '512Mi' },
      defaultRequest: { cpu: '500m', memory: '256Mi' },
    });
    const pod = asking({ cpu: '100m' });
    pod.spec.initContainers = [{ name: 'init', image: 'i' }];
    await run(plugin, aWrite(pods, pod));
    expect(pod.spec.containers[0]?.resources).toEqual({
      requests: { cpu: '100m', memory: '256Mi' },
      limits: { cpu: '1', memory: '512Mi' },
    });
    expect(pod.spec.initContainers[0]?.resources?.requests).toEqual({ cpu: '500m', memory: '256Mi' });
    expect(pod.metadata.annotations?.['kubernetes.io/limit-ranger']).toBe(
      'LimitRanger plugin set: memory request for container main; cpu, memory limit for container main; ' +
        'cpu, memory request for init container init; cpu, memory limit for init container init',
    );
  });

  it.each<[string, LimitRangeItem, object | undefined, object | undefined, string]>([
    [
      'a small request',
      { type: 'Container', min: { cpu: '200m' } },
      { cpu: '0.1' },
      undefined,
      'minimum cpu usage per Container is 200m, but request is 100m',
    ],
    [
      'no request',
      { type: 'Container', min: { cpu: '200m' } },
      undefined,
      undefined,
      'minimum cpu usage per Container is 200m.  No request is specified',
    ],
    [
      'a large limit',
      { type: 'Container', max: { memory: '1Gi' } },
      undefined,
      { memory: '1536Mi' },
      'maximum memory usage per Container is 1Gi, but limit is 1536Mi',
    ],
    [
      'no limit',
      { type: 'Container', max: { memory: '1Gi' } },
      undefined,
      undefined,
      'maximum memory usage per Container is 1Gi.  No limit is specified',
    ],
    [
      'a large Pod',
      { type: 'Pod', max: { cpu: '1' } },
      { cpu: '2' },
      { cpu: '2' },
      'maximum cpu usage per Pod is 1, but limit is 2',
    ],
    [
      'a ratio',
      { type: 'Container', maxLimitRequestRatio: { cpu: '2' } },
      { cpu: '100m' },
      { cpu: '300m' },
      'cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000',
    ],
    [
      'two',
      { type: 'Container', min: { cpu: '1' }, max: { cpu: '2' } },
      { cpu: '500m' },
      { cpu: '3' },
      '[minimum cpu usage per Container is 1, but request is 500m, maximum cpu usage per Container is 2, but limit is 3]',
    ],
  ])('refuses %s', async (_, limit, requests, limits, why) => {
    await expect(run(await aPlugin(limit), aWrite(pods, asking(requests, limits)))).rejects.toMatchObject({
      code: 403,
      message: `pods "web" is forbidden: ${why}`,
    });
  });

  it.each<[string, LimitRangeItem]>([
    [
      'bounds that are kept',
      { type: 'Container', min: { cpu: '100m' }, max: { cpu: '1' }, maxLimitRequestRatio: { cpu: '10' } },
    ],
    ['a Pod that keeps its own', { type: 'Pod', min: { cpu: '100m' }, max: { cpu: '1' } }],
    ['a limit for something else', { type: 'PersistentVolumeClaim', min: { storage: '1Gi' } }],
  ])('admits %s', async (_, limit) => {
    const pod = asking({ cpu: '100m' }, { cpu: '1' });
    await expect(run(await aPlugin(limit), aWrite(pods, pod))).resolves.toBeUndefined();
  });

  it.each([
    ['500Mi', 'minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi'],
    ['5Gi', 'maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 5Gi'],
    ['1536Mi', undefined],
  ])('bounds a claim of %s', async (storage, why) => {
    const plugin = await aPlugin({
      type: 'PersistentVolumeClaim',
      min: { storage: '1Gi' },
      max: { storage: '2Gi' },
    });
    const claim: PersistentVolumeClaim = {
      metadata: { name: 'c' },
      spec: { resources: { requests: { storage } } },
    };
    const done = run(plugin, aWrite(persistentvolumeclaims, claim));
    if (why) await expect(done).rejects.toThrow(`persistentvolumeclaims "c" is forbidden: ${why}`);
    else await expect(done).resolves.toBeUndefined();
  });

  it('leaves changed Pods alone', async () => {
    const plugin = await aPlugin({ type: 'Container', min: { cpu: '1' } });
    const write = aWrite(pods, asking(), { operation: 'UPDATE', oldObject: asking() });
    await expect(run(plugin, write)).resolves.toBeUndefined();
  });
});
