import { describe, expect, it } from 'vitest';
import { namespaces } from '#proto/api/core/namespaces.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { resourcequotas } from '#proto/api/core/resourcequotas.ts';
import { serviceaccounts } from '#proto/api/core/serviceaccounts.ts';
import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { aPod } from '#server/apiserver/admission/fixtures.ts';
import { createAdmission, SERVER_USER } from '#server/apiserver/admission/index.ts';
import { createStoreReader } from '#server/apiserver/authn/object-reader.ts';
import { createObject } from '#server/apiserver/rest/create.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { aCall, testApi } from '#server/apiserver/testing/test-api.ts';
import { strategies } from '#server/registry/index.ts';

/** The handlers with the kinds' own strategies and every plugin. */
async function anApi() {
  const base = testApi();
  const reader = createStoreReader(base.store);
  const api = {
    ...base,
    strategyOf: (resource: Resource) => strategies.get(`${resource.group}/${resource.plural}`) ?? {},
    admission: createAdmission({
      authorizer: { authorize: () => ({ allowed: true }) },
      reader,
      clock: base.clock,
      random: () => 0,
    }),
  };
  const create = async <T extends KubeObject>(resource: Resource<T>, object: T): Promise<T> =>
    objectOf(await createObject(api, aCall(resource), object)) as T;
  await create(namespaces, { metadata: { name: 'default' }, spec: {} });
  await create(serviceaccounts, { metadata: { name: 'default' } });
  return { api, create };
}

describe('every plugin together', () => {
  it('makes a Pod that is valid, complete and the same as upstream makes', async () => {
    const { create } = await anApi();
    const pod = await create(pods, aPod('web', { initContainers: [{ name: 'init', image: 'i' }] }));
    expect(pod.spec).toMatchObject({
      serviceAccountName: 'default',
      priority: 0,
      preemptionPolicy: 'PreemptLowerPriority',
      enableServiceLinks: true,
      tolerations: [
        { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute', tolerationSeconds: 300 },
        { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', tolerationSeconds: 300 },
      ],
      volumes: [{ name: 'kube-api-access-bbbbb' }],
    });
  });

  it('taints a new node', async () => {
    const { create } = await anApi();
    const node = await create(nodes, { metadata: { name: 'pi' }, spec: {} });
    expect(node.spec.taints).toEqual([{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
  });

  it('answers 404 for a Pod in a namespace that is missing', async () => {
    const { api } = await anApi();
    const call = aCall(pods, '', { namespace: 'gone' });
    await expect(createObject(api, call, aPod('web', {}, { namespace: 'gone' }))).rejects.toMatchObject({
      code: 404,
      message: 'namespaces "gone" not found',
    });
  });

  it('holds a quota against writes side by side', async () => {
    const { create } = await anApi();
    await create(resourcequotas, { metadata: { name: 'q' }, spec: { hard: { pods: '3' } } });
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, i) => create<Pod>(pods, aPod(`p${i}`))),
    );
    expect(results.filter((one) => one.status === 'fulfilled')).toHaveLength(3);
    const refusal = results.find((one) => one.status === 'rejected');
    expect(refusal?.reason).toMatchObject({
      code: 403,
      message: 'pods "p3" is forbidden: exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3',
    });
  });

  it('does not charge a name that is taken', async () => {
    const { create } = await anApi();
    await create(resourcequotas, { metadata: { name: 'q' }, spec: { hard: { pods: '2' } } });
    await create(pods, aPod('a'));
    await expect(create(pods, aPod('a'))).rejects.toMatchObject({ reason: 'AlreadyExists' });
    await expect(create(pods, aPod('b'))).resolves.toBeDefined();
  });

  it('asks nobody about what the server itself needs in order to start', async () => {
    const base = testApi();
    const refuse = (): never => {
      throw new Error('no');
    };
    const admission = createAdmission({
      authorizer: { authorize: () => ({ allowed: true }) },
      reader: createStoreReader(base.store),
      clock: base.clock,
      configured: [
        { name: 'mutating', admit: refuse },
        { name: 'validating', validate: refuse },
      ],
    });
    const api = { ...base, admission };
    const create = (name: string, user = SERVER_USER) =>
      createObject(api, aCall(namespaces, '', { user }), { metadata: { name } });
    await create('default');
    await expect(create('other', { name: 'admin', groups: ['system:masters'] })).rejects.toThrow('no');
  });
});
