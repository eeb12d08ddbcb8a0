import { describe, expect, it } from 'vitest';
import { pods } from '#proto/api/core/pods.ts';
import { serviceaccounts } from '#proto/api/core/serviceaccounts.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import type { ServiceAccount } from '#proto/schema/generated/core-v1.ts';
import { aPod, aWrite, run } from '#server/apiserver/admission/fixtures.ts';
import { createServiceAccount } from '#server/apiserver/admission/service-account.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';

const MOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const MIRROR = { annotations: { 'kubernetes.io/config.mirror': 'x' } };

async function aPlugin(...accounts: Partial<ServiceAccount>[]) {
  const { reader, put } = aCluster();
  const clock = new FakeClock();
  for (const over of accounts)
    await put(serviceaccounts, { ...over, metadata: { namespace: 'default', ...over.metadata } });
  return { put, clock, plugin: createServiceAccount({ reader, clock, random: () => 0 }) };
}

const account = (name: string, over: Partial<ServiceAccount> = {}) => ({ metadata: { name }, ...over });

describe('ServiceAccount', () => {
  it('runs a Pod as default and mounts its token in every container', async () => {
    const { plugin } = await aPlugin(account('default'));
    const pod = aPod('web', { initContainers: [{ name: 'init', image: 'i' }] });
    await run(plugin, aWrite(pods, pod));
    const mount = { name: 'kube-api-access-bbbbb', readOnly: true, mountPath: MOUNT };
    expect(pod.spec).toMatchObject({
      serviceAccountName: 'default',
      serviceAccount: 'default',
      containers: [{ volumeMounts: [mount] }],
      initContainers: [{ volumeMounts: [mount] }],
    });
    expect(pod.spec.volumes).toEqual([
      {
        name: 'kube-api-access-bbbbb',
        projected: {
          defaultMode: 420,
          sources: [
            { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
            { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
            {
              downwardAPI: {
                items: [
                  { path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } },
                ],
              },
            },
          ],
        },
      },
    ]);
  });

  it('leaves a mount alone that is there, and adds no volume then', async () => {
    const { plugin } = await aPlugin(account('default'));
    const volumeMounts = [{ name: 'own', mountPath: MOUNT }];
    const pod = aPod('web', { containers: [{ name: 'a', volumeMounts }] });
    await run(plugin, aWrite(pods, pod));
    expect(pod.spec.volumes).toBeUndefined();
    expect(pod.spec.containers[0]?.volumeMounts).toEqual(volumeMounts);
  });

  it('takes the token volume of a copied Pod', async () => {
    const { plugin } = await aPlugin(account('default'));
    const pod = aPod('web', { volumes: [{ name: 'kube-api-access-x', emptyDir: {} }] });
    await run(plugin, aWrite(pods, pod));
    expect(pod.spec.volumes).toHaveLength(1);
    expect(pod.spec.containers[0]?.volumeMounts?.[0]?.name).toBe('kube-api-access-x');
  });

  it.each([
    ['the account', false, undefined, false],
    ['the Pod', undefined, false, false],
    ['the Pod, over its account', false, true, true],
    ['nobody', undefined, undefined, true],
  ])('mounts as %s says', async (_, ofAccount, ofPod, mounted) => {
    const { plugin } = await aPlugin(account('default', { automountServiceAccountToken: ofAccount }));
    const pod = aPod('web', { automountServiceAccountToken: ofPod });
    await run(plugin, aWrite(pods, pod));
    expect(pod.spec.volumes !== undefined).toBe(mounted);
  });

  it.each([
    [undefined, [{ name: 'registry' }]],
    [[{ name: 'own' }], [{ name: 'own' }]],
  ])('pulls with %o as %o', async (own, expected) => {
    const { plugin } = await aPlugin(account('robot', { imagePullSecrets: [{ name: 'registry' }] }));
    const pod = aPod('web', { serviceAccountName: 'robot', imagePullSecrets: own });
    await run(plugin, aWrite(pods, pod));
    expect(pod.spec.imagePullSecrets).toEqual(expected);
  });

  it('refuses an account that is missing', async () => {
    const { plugin } = await aPlugin(account('default'));
    const pod = aPod('web', { serviceAccountName: 'robot' });
    await expect(run(plugin, aWrite(pods, pod))).rejects.toMatchObject({
      code: 403,
      message:
        'pods "web" is forbidden: error looking up service account default/robot: serviceaccount "robot" not found',
    });
  });

  it('waits a moment for the default account of a fresh namespace', async () => {
    const { plugin, clock, put } = await aPlugin();
    const pod = aPod();
    const running = run(plugin, aWrite(pods, pod));
    await clock.advance(200);
    await put(serviceaccounts, { metadata: { name: 'default', namespace: 'default' } });
    await clock.advance(100);
    await running;
    expect(pod.spec.serviceAccountName).toBe('default');
  });

  it('does not wait for ever', async () => {
    const { plugin, clock } = await aPlugin();
    const refusal = expect(run(plugin, aWrite(pods, aPod()))).rejects.toMatchObject({ code: 403 });
    await clock.advance(3000);
    await refusal;
  });

  it('leaves mirror Pods alone', async () => {
    const { plugin } = await aPlugin();
    const pod = aPod('static', {}, MIRROR);
    await run(plugin, aWrite(pods, pod));
    expect(pod).toEqual(aPod('static', {}, MIRROR));
  });

  it.each([
    [{ serviceAccountName: 'robot' }, 'a mirror pod may not reference service accounts'],
    [{ volumes: [{ name: 's', secret: { secretName: 's' } }] }, 'a mirror pod may not reference secrets'],
    [
      { volumes: [{ name: 't', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }] },
      'a mirror pod may not use ServiceAccountToken volume projections',
    ],
  ])('refuses a mirror Pod with %o', async (spec, why) => {
    const { plugin } = await aPlugin();
    await expect(run(plugin, aWrite(pods, aPod('static', spec, MIRROR)))).rejects.toThrow(why);
  });

  const SECRET = { valueFrom: { secretKeyRef: { name: 'other', key: 'k' } } };
  it.each([
    [
      { volumes: [{ name: 's', secret: { secretName: 'other' } }] },
      'volume with secret.secretName="other" is not allowed because service account robot does not reference that secret',
    ],
    [
      { containers: [{ name: 'a', image: 'i', env: [{ name: 'E', ...SECRET }] }] },
      'container a with envVar E referencing secret.secretName="other" is not allowed because service account robot does not reference that secret',
    ],
    [
      { initContainers: [{ name: 'a', image: 'i', envFrom: [{ secretRef: { name: 'other' } }] }] },
      'init container a with envFrom referencing secret.secretName="other" is not allowed because service account robot does not reference that secret',
    ],
    [
      { imagePullSecrets: [{ name: 'pull' }, { name: 'other' }] },
      'imagePullSecrets[1].name="other" is not allowed because service account robot does not reference that imagePullSecret',
    ],
    [{ volumes: [{ name: 's', secret: { secretName: 'mine' } }] }, undefined],
  ])('of an account that says so only the listed secrets are read: %o', async (spec, why) => {
    const annotations = { 'kubernetes.io/enforce-mountable-secrets': 'true' };
    const lists = { secrets: [{ name: 'mine' }], imagePullSecrets: [{ name: 'pull' }] };
    const { plugin } = await aPlugin({ metadata: { name: 'robot', annotations }, ...lists });
    const asked = run(plugin, aWrite(pods, aPod('web', { serviceAccountName: 'robot', ...spec })));
    if (why) await expect(asked).rejects.toThrow(`pods "web" is forbidden: ${why}`);
    else await asked;
  });

  it('leaves updates alone', async () => {
    const { plugin } = await aPlugin();
    const pod = aPod();
    await run(plugin, aWrite(pods, pod, { operation: 'UPDATE', oldObject: aPod() }));
    expect(pod).toEqual(aPod());
  });
});
