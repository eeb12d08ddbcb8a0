import { describe, expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { pods } from '#proto/api/core/pods.ts';
import { runtimeclasses } from '#proto/api/node/runtimeclasses.ts';
import { storageclasses } from '#proto/api/storage/storageclasses.ts';
import type { Node, PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import { DefaultStorageClass } from '#server/apiserver/admission/default-storage-class.ts';
import { aPod, aWrite, run } from '#server/apiserver/admission/fixtures.ts';
import { RuntimeClassAdmission } from '#server/apiserver/admission/runtime-class.ts';
import { taintNodesByCondition } from '#server/apiserver/admission/taint-nodes.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';

const NOT_READY = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
const OWN = { key: 'own', effect: 'NoExecute' };

describe('TaintNodesByCondition', () => {
  it.each([
    [undefined, [NOT_READY]],
    [[OWN], [OWN, NOT_READY]],
    [[NOT_READY], [NOT_READY]],
  ])('taints a new node with %o', async (taints, expected) => {
    const node: Node = { metadata: { name: 'pi' }, spec: { taints } };
    await run(taintNodesByCondition, aWrite(nodes, node));
    expect(node.spec.taints).toEqual(expected);
  });
});

describe('DefaultStorageClass', () => {
  const aClass = (name: string, second: number, byDefault = true) => ({
    metadata: {
      name,
      creationTimestamp: `2026-01-01T00:00:0${second}Z`,
      annotations: { 'storageclass.kubernetes.io/is-default-class': String(byDefault) },
    },
    provisioner: 'p',
  });

  it.each([
    ['the newest default class', [aClass('a', 1), aClass('b', 2), aClass('c', 3, false)], undefined, 'b'],
    ['the first of two as new', [aClass('b', 1), aClass('a', 1)], undefined, 'a'],
    ['none', [aClass('c', 1, false)], undefined, undefined],
    ['its own', [aClass('a', 1)], 'own', 'own'],
    ['no class, as it says', [aClass('a', 1)], '', ''],
  ])('gives a claim %s', async (_, classes, storageClassName, expected) => {
    const { reader, put } = aCluster();
    for (const one of classes) await put(storageclasses, one);
    const claim: PersistentVolumeClaim = { metadata: { name: 'c' }, spec: { storageClassName } };
    await run(new DefaultStorageClass(reader), aWrite(persistentvolumeclaims, claim));
    expect(claim.spec.storageClassName).toBe(expected);
  });
});

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
