import { describe, expect, it } from 'vitest';
import { configmaps } from '#proto/api/core/configmaps.ts';
import { pods } from '#proto/api/core/pods.ts';
import { resourcequotas } from '#proto/api/core/resourcequotas.ts';
import { services } from '#proto/api/core/services.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import type { ResourceQuotaSpec, Service } from '#proto/schema/generated/core-v1.ts';
import { aPod, aWrite, run } from '#server/apiserver/admission/fixtures.ts';
import { ResourceQuotaAdmission } from '#server/apiserver/admission/resource-quota.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';

async function aNamespace(hard: Record<string, string>, over: Partial<ResourceQuotaSpec> = {}) {
  const cluster = aCluster();
  const clock = new FakeClock();
  const quota = { metadata: { name: 'q', namespace: 'default' }, spec: { hard, ...over } };
  await cluster.put(resourcequotas, quota);
  return { ...cluster, clock, plugin: new ResourceQuotaAdmission(cluster.reader, clock) };
}

const asking = (name: string, requests?: object, limits?: object, spec: object = {}) =>
  aPod(name, { containers: [{ name: 'main', image: 'i', resources: { requests, limits } }], ...spec });
const aService = (type: string): Service => ({
  metadata: { name: 's', namespace: 'default' },
  spec: { type, ports: [{ port: 80 }, { port: 81 }] } as Service['spec'],
});

describe('ResourceQuota', () => {
  it('refuses the Pod too many', async () => {
    const { plugin, put } = await aNamespace({ pods: '2' });
    for (const name of ['a', 'b']) await put(pods, aPod(name));
    await expect(run(plugin, aWrite(pods, aPod('c')))).rejects.toMatchObject({
      code: 403,
      message: 'pods "c" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2',
    });
  });

  it('counts amounts of running Pods alone, and names what is exceeded', async () => {
    const { plugin, put } = await aNamespace({ 'requests.cpu': '1', memory: '1Gi', 'count/pods': '3' });
    const amounts = { cpu: '600m', memory: '100Mi' };
    await put(pods, asking('a', amounts));
    await put(pods, { ...asking('b', amounts), status: { phase: 'Succeeded' } });
    await expect(run(plugin, aWrite(pods, asking('c', amounts)))).rejects.toThrow(
      'exceeded quota: q, requested: requests.cpu=600m, used: requests.cpu=600m, limited: requests.cpu=1',
    );
    await run(plugin, aWrite(pods, asking('c', { ...amounts, cpu: '400m' })));
    await expect(run(plugin, aWrite(pods, asking('d', { cpu: '0', memory: '0' })))).rejects.toThrow(
      'requested: count/pods=1, used: count/pods=3, limited: count/pods=3',
    );
  });

  it('lets writes side by side not exceed together', async () => {
    const { plugin } = await aNamespace({ pods: '3' });
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, i) => run(plugin, aWrite(pods, aPod(`p${i}`)))),
    );
    expect(results.filter((one) => one.status === 'fulfilled')).toHaveLength(3);
  });

  it('counts a write once it is there, and no more once that is gone', async () => {
    const { plugin, put, remove } = await aNamespace({ pods: '1' });
    await run(plugin, aWrite(pods, aPod('a')));
    const stored = await put(pods, aPod('a'));
    await expect(run(plugin, aWrite(pods, aPod('b')))).rejects.toThrow('used: pods=1');
    await remove(pods, stored);
    await expect(run(plugin, aWrite(pods, aPod('b')))).resolves.toBeUndefined();
  });

  it('forgets a write that failed', async () => {
    const { plugin, clock } = await aNamespace({ pods: '1' });
    await run(plugin, aWrite(pods, aPod('a')));
    await expect(run(plugin, aWrite(pods, aPod('b')))).rejects.toThrow('exceeded');
    await clock.advance(10_000);
    await expect(run(plugin, aWrite(pods, aPod('b')))).resolves.toBeUndefined();
  });

  it('lets a dry run take nothing', async () => {
    const { plugin } = await aNamespace({ pods: '1' });
    await run(plugin, aWrite(pods, aPod('a'), { dryRun: true }));
    await expect(run(plugin, aWrite(pods, aPod('b')))).resolves.toBeUndefined();
  });

  it('asks every container to say what the quota counts', async () => {
    const { plugin } = await aNamespace({ cpu: '1', 'limits.memory': '1Gi' });
    const pod = asking('web', { cpu: '1' });
    pod.spec.containers.push({ name: 'side', image: 'i' });
    await expect(run(plugin, aWrite(pods, pod))).rejects.toThrow(
      'pods "web" is forbidden: failed quota: q: must specify cpu for: side; limits.memory for: main,side',
    );
  });

  it('charges the difference of an update', async () => {
    const { plugin, put } = await aNamespace({ 'services.nodeports': '3', services: '1' });
    const old = await put(services, aService('ClusterIP'));
    const update = (next: Service) =>
      run(plugin, aWrite(services, next, { operation: 'UPDATE', oldObject: old }));
    await expect(update(aService('NodePort'))).resolves.toBeUndefined();
    const wide = aService('NodePort');
    wide.spec.ports?.push({ port: 82 }, { port: 83 });
    await expect(update(wide)).rejects.toThrow('requested: services.nodeports=4, used: services.nodeports=2');
  });

  it('counts any kind', async () => {
    const { plugin, put } = await aNamespace({ 'count/configmaps': '1' });
    const aMap = (name: string) => ({ metadata: { name, namespace: 'default' } });
    await run(plugin, aWrite(pods, aPod()));
    await put(configmaps, aMap('a'));
    await expect(run(plugin, aWrite(configmaps, aMap('b')))).rejects.toThrow('used: count/configmaps=1');
  });

  it('leaves other namespaces and other writes alone', async () => {
    const { plugin } = await aNamespace({ pods: '0' });
    const elsewhere = aPod('web', {}, { namespace: 'other' });
    await expect(run(plugin, aWrite(pods, elsewhere))).resolves.toBeUndefined();
    const status = aWrite(pods, aPod(), { operation: 'UPDATE', subresource: 'status', oldObject: aPod() });
    await expect(run(plugin, status)).resolves.toBeUndefined();
  });

  it.each<[Partial<ResourceQuotaSpec>, object, boolean]>([
    [{ scopes: ['BestEffort'] }, {}, true],
    [{ scopes: ['NotBestEffort'] }, {}, false],
    [{ scopes: ['Terminating'] }, { activeDeadlineSeconds: 5 }, true],
    [{ scopes: ['NotTerminating'] }, { activeDeadlineSeconds: 5 }, false],
    [{ scopes: ['BestEffort', 'Terminating'] }, {}, false],
    ...(['In', 'NotIn', 'Exists', 'DoesNotExist'] as const).map(
      (operator): [Partial<ResourceQuotaSpec>, object, boolean] => [
        {
          scopeSelector: {
            matchExpressions: [{ scopeName: 'PriorityClass', operator, values: ['high'] }],
          },
        },
        { priorityClassName: 'high' },
        operator === 'In' || operator === 'Exists',
      ],
    ),
  ])('with %o counts a Pod with %o: %s', async (over, spec, counts) => {
    const { plugin } = await aNamespace({ pods: '0' }, over);
    const done = run(plugin, aWrite(pods, aPod('web', spec)));
    if (counts) await expect(done).rejects.toThrow('exceeded quota');
    else await expect(done).resolves.toBeUndefined();
  });
});
