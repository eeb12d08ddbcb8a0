import { expect, it } from 'vitest';
import { ingressclasses } from '#proto/api/networking/ingressclasses.ts';
import { MemoryClient } from '#server/client/memory-client.ts';
import { ensureIngressClass } from './ingress-class.ts';

const names = async (client: MemoryClient) =>
  (await client.list(ingressclasses)).items.map(({ metadata }) => metadata.name);

it('makes the class, the default one, and leaves it as people change it', async () => {
  const client = new MemoryClient();
  await ensureIngressClass(client, true);
  const made = await client.get(ingressclasses, { name: 'coracle' });
  expect(made.metadata.annotations).toEqual({ 'ingressclass.kubernetes.io/is-default-class': 'true' });
  await client.update(ingressclasses, { ...made, metadata: { ...made.metadata, annotations: {} } });
  await ensureIngressClass(client, true);
  expect((await client.get(ingressclasses, { name: 'coracle' })).metadata.annotations).toEqual({});
});

it('takes it away where something else sees to Ingresses, but no class of that', async () => {
  const client = new MemoryClient();
  await ensureIngressClass(client, true);
  await client.create(ingressclasses, {
    metadata: { name: 'nginx' },
    spec: { controller: 'k8s.io/ingress-nginx' },
  });
  await ensureIngressClass(client, false);
  expect(await names(client)).toEqual(['nginx']);
  await ensureIngressClass(client, false);
});
