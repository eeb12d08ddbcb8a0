import { expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import { secrets } from '#proto/api/core/secrets.ts';
import { services } from '#proto/api/core/services.ts';
import { ingressclasses } from '#proto/api/networking/ingressclasses.ts';
import { ingresses } from '#proto/api/networking/ingresses.ts';
import { createCa } from '#proto/pki/certificate.ts';
import { generateKey, keyToPem } from '#proto/pki/key.ts';
import { toPem } from '#proto/pki/pem.ts';
import type { Ingress, IngressSpec } from '#proto/schema/generated/networking-v1.ts';
import { startHarness } from '#server/controllers/testing/harness.ts';
import { createIngressController } from './ingress.controller.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const pem = (): { crt: string; key: string } => {
  const key = generateKey();
  const certificate = createCa({ commonName: 'x', key, notBeforeMs: 0, notAfterMs: 1e13 });
  return { crt: base64(toPem('CERTIFICATE', certificate)), key: base64(keyToPem(key)) };
};
const aSecret = (name: string, { crt, key }: { crt: string; key: string }) => ({
  metadata: { namespace: 'default', name },
  type: 'kubernetes.io/tls',
  data: { 'tls.crt': crt, 'tls.key': key },
});
const backend = (name: string, port: string) => ({ service: { name, port: { name: port } } });
const rule = (host: string, service: string, port = 'http') => ({
  host,
  http: { paths: [{ path: '/', pathType: 'Prefix', backend: backend(service, port) }] },
});
const anIngress = (name: string, spec: Partial<IngressSpec>, annotations = {}): Ingress => ({
  metadata: { namespace: 'default', name, annotations },
  spec: { ingressClassName: 'coracle', ...spec },
});
const aBoard = (name: string, address: string, serves: string, reason: string, message = '') => ({
  metadata: { name },
  spec: {},
  status: {
    addresses: [
      { type: 'InternalIP', address },
      { type: 'Hostname', address: name },
    ],
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'IngressReady', status: serves, reason, message },
    ],
  },
});

async function cluster() {
  const harness = await startHarness([createIngressController]);
  const { client } = harness;
  await client.create(ingressclasses, {
    metadata: { name: 'coracle' },
    spec: { controller: 'coracle.dev/ingress' },
  });
  await client.create(services, {
    metadata: { namespace: 'default', name: 'web' },
    spec: { ports: [{ name: 'http', port: 80 }] },
  } as never);
  const addresses = async (name: string) =>
    (await client.get(ingresses, { namespace: 'default', name })).status?.loadBalancer?.ingress?.map(
      ({ ip }) => ip,
    );
  return { ...harness, addresses };
}

it('tells the addresses of the boards that serve, as they come and go', async () => {
  const { client, events, settle, stop, addresses } = await cluster();
  await client.create(nodes, aBoard('pi', '10.0.0.2', 'True', 'Serving'));
  await client.create(nodes, aBoard('pi2', '10.0.0.3', 'False', 'NoIngress'));
  await client.create(ingresses, anIngress('web', { rules: [rule('a.example', 'web')] }));
  await client.create(
    ingresses,
    anIngress('others', { ingressClassName: 'nginx', rules: [rule('b.example', 'web')] }),
  );
  await settle();
  expect(await addresses('web')).toEqual(['10.0.0.2']);
  expect(await addresses('others')).toBeUndefined();
  expect(events.told).toEqual(['Normal Served boards serve it at 10.0.0.2']);

  await client.update(nodes, aBoard('pi2', '10.0.0.3', 'True', 'Serving'), { subresource: 'status' });
  await settle();
  expect(await addresses('web')).toEqual(['10.0.0.2', '10.0.0.3']);
  await client.delete(nodes, { name: 'pi' });
  await client.delete(nodes, { name: 'pi2' });
  await settle();
  expect(await addresses('web')).toBeUndefined();
  stop();
});

it('says once what can not be served, and what has been put right no more', async () => {
  const { client, events, settle, stop } = await cluster();
  const [one, other] = [pem(), pem()];
  await client.create(secrets, aSecret('good', one));
  await client.create(secrets, aSecret('mixed', { crt: one.crt, key: other.key }));
  await client.create(secrets, { ...aSecret('opaque', one), type: 'Opaque' });
  await client.create(nodes, aBoard('pi', '10.0.0.2', 'False', 'ProxyMissing', 'haproxy is not installed'));
  await client.create(
    ingresses,
    anIngress(
      'web',
      {
        defaultBackend: { resource: { kind: 'Bucket', name: 'x' } },
        rules: [rule('a.example', 'web', 'admin'), rule('b.example', 'nothing')],
        tls: ['good', 'mixed', 'opaque', 'none'].map((secretName) => ({ secretName })),
      },
      { 'coracle.dev/ssl-redirect': 'yes' },
    ),
  );
  await settle();
  expect(events.told.sort()).toEqual([
    'Warning Annotation annotation coracle.dev/ssl-redirect: "yes" is none of true, false',
    'Warning Backend spec.defaultBackend: resource backends are not served, only Services',
    'Warning Backend spec.rules[0].http.paths[0].backend: Service default/web has no port admin',
    'Warning Backend spec.rules[1].http.paths[0].backend: there is no Service default/nothing',
    'Warning Board pi does not serve it: haproxy is not installed',
    'Warning TLSSecret Secret default/mixed: tls.key is not the key of tls.crt; the default certificate is shown',
    'Warning TLSSecret Secret default/none: there is none; the default certificate is shown',
    'Warning TLSSecret Secret default/opaque: its type is Opaque, not kubernetes.io/tls; the default certificate is shown',
  ]);
  events.told.length = 0;
  await client.create(secrets, aSecret('none', other));
  await settle();
  expect(events.told).toEqual([]);
  await client.delete(secrets, { namespace: 'default', name: 'good' });
  await settle();
  expect(events.told).toEqual([
    'Warning TLSSecret Secret default/good: there is none; the default certificate is shown',
  ]);
  stop();
});

it('tells the newer of two Ingresses that the older one has its rule', async () => {
  const { client, clock, events, settle, stop } = await cluster();
  await client.create(ingresses, anIngress('older', { rules: [rule('a.example', 'web')] }));
  await clock.advance(2_000);
  await client.create(
    ingresses,
    anIngress('newer', { rules: [rule('a.example', 'web'), rule('b.example', 'web')] }),
  );
  await settle();
  expect(events.told).toEqual([
    'Warning Conflict a.example/ is that of Ingress default/older, which is older',
  ]);
  stop();
});
