import { afterEach, expect, it } from 'vitest';
import { configmaps } from '#proto/api/core/configmaps.ts';
import { pods } from '#proto/api/core/pods.ts';
import { resourcequotas } from '#proto/api/core/resourcequotas.ts';
import { resources } from '#proto/api/index.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { fixedKinds } from '#server/client/served-kinds.ts';
import { createResourceQuotaController } from '#server/controllers/resourcequota/resourcequota.controller.ts';
import { type Harness, startHarness } from '#server/controllers/testing/harness.ts';

let harness: Harness | undefined;
afterEach(() => harness?.stop());

const KEY = { namespace: 'default', name: 'q' };
const aPod = (name: string, namespace = 'default'): Pod => ({
  metadata: { name, namespace },
  spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '250m' } } }] },
});

async function aQuota(hard: Record<string, string>): Promise<Harness> {
  harness = await startHarness([(context) => createResourceQuotaController(context, fixedKinds(resources))]);
  await harness.client.create(resourcequotas, { metadata: KEY, spec: { hard } });
  await pass(harness);
  return harness;
}

/** Long enough for caches to fill and changes to be counted. */
async function pass(h: Harness): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await h.settle();
    await h.clock.advance(100);
  }
  await h.settle();
}

const usedBy = async (h: Harness) => (await h.client.get(resourcequotas, KEY)).status?.used;

it('counts what is in the namespace, and follows it', async () => {
  const h = await aQuota({ pods: '4', 'requests.cpu': '1', 'count/configmaps': '9', 'count/no.such': '1' });
  expect(await h.client.get(resourcequotas, KEY)).toMatchObject({
    status: {
      hard: { pods: '4', 'requests.cpu': '1' },
      used: { pods: '0', 'requests.cpu': '0', 'count/configmaps': '0', 'count/no.such': '0' },
    },
  });
  for (const name of ['a', 'b']) await h.client.create(pods, aPod(name));
  await h.client.create(pods, aPod('c', 'other'));
  await h.client.create(configmaps, { metadata: { name: 'm', namespace: 'default' } });
  await pass(h);
  expect(await usedBy(h)).toMatchObject({ pods: '2', 'requests.cpu': '500m', 'count/configmaps': '1' });
  await h.client.delete(pods, { namespace: 'default', name: 'a' });
  await pass(h);
  expect(await usedBy(h)).toMatchObject({ pods: '1', 'requests.cpu': '250m' });
});

it('follows a changed quota, and writes nothing where nothing changed', async () => {
  const h = await aQuota({ pods: '4' });
  const quota = structuredClone(await h.client.get(resourcequotas, KEY));
  quota.spec.hard = { services: '1' };
  await h.client.update(resourcequotas, quota);
  await pass(h);
  expect((await h.client.get(resourcequotas, KEY)).status).toEqual({
    hard: { services: '1' },
    used: { services: '0' },
  });
  const writes = () => h.client.calls.filter((call) => call.verb === 'update').length;
  const before = writes();
  await h.clock.advance(10 * 60_000);
  await pass(h);
  expect(writes()).toBe(before);
});
