import { describe, expect, it } from 'vitest';
import { type KubeObject, keyOf } from '#proto/meta/object.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import type { Ingress } from '#proto/schema/generated/networking-v1.ts';
import { actedUpon, type FedKind, referencesOf, sentTo } from './feed.plan.ts';
import { BoardFeed, digestOf, type FeedMessage, type FeedSource } from './feed.ts';

const aPod = (name: string, spec: Partial<Pod['spec']> = {}, rest: Partial<Pod> = {}): Pod => ({
  metadata: { namespace: 'default', name, uid: name },
  spec: { nodeName: 'pi', containers: [{ name: 'app', image: 'x' }], ...spec },
  ...rest,
});
const named = (name: string, data: Record<string, string> = {}): KubeObject & { data: object } => ({
  metadata: { namespace: 'default', name },
  data,
});

const aNode = (name: string, status: object = {}): Node =>
  ({
    metadata: { name, labels: { 'topology.kubernetes.io/zone': 'attic', other: 'x' } },
    spec: { podCIDR: '10.42.1.0/24', podCIDRs: ['10.42.1.0/24'], unschedulable: true },
    status: {
      addresses: [
        { type: 'InternalIP', address: '10.0.0.2' },
        { type: 'Hostname', address: name },
      ],
      ...status,
    },
  }) as Node;

const anIngress = (name: string, ...secrets: string[]): KubeObject & Pick<Ingress, 'spec'> => ({
  metadata: { namespace: 'default', name },
  spec: { tls: secrets.map((secretName) => ({ secretName })) },
});
const aPair = (name: string) => ({
  metadata: { namespace: 'default', name, uid: name },
  type: 'kubernetes.io/tls',
  data: { 'tls.crt': 'Yw==', 'tls.key': 'aw==', extra: 'eA==' },
});

/** A view that changes when told. */
class FakeSource implements FeedSource {
  readonly #objects = new Map<string, KubeObject>();
  readonly #listeners = new Set<(plural: FedKind, key: string, nodeName: string | undefined) => void>();
  get(plural: FedKind, key: string): KubeObject | undefined {
    return this.#objects.get(`${plural}/${key}`);
  }
  list(plural: FedKind): readonly KubeObject[] {
    return [...this.#objects].filter(([fed]) => fed.startsWith(`${plural}/`)).map(([, object]) => object);
  }
  podsOf(nodeName: string): readonly Pod[] {
    return (this.list('pods') as Pod[]).filter((pod) => pod.spec.nodeName === nodeName);
  }
  /** Every policy is about every Pod. */
  neededBy(): string[] {
    const names = [...this.#objects.keys()];
    return names.filter((fed) => /^(networkpolicies|addressgroups)/.test(fed));
  }
  onChange(listener: (plural: FedKind, key: string, nodeName: string | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  put(plural: FedKind, object: KubeObject): void {
    this.#objects.set(`${plural}/${keyOf(object)}`, object);
    this.#tell(plural, object);
  }
  drop(plural: FedKind, object: KubeObject): void {
    this.#objects.delete(`${plural}/${keyOf(object)}`);
    this.#tell(plural, object);
  }
  #tell(plural: FedKind, object: KubeObject): void {
    const nodeName = plural === 'pods' ? (object as Pod).spec.nodeName : undefined;
    for (const listener of this.#listeners) listener(plural, keyOf(object), nodeName);
  }
}

async function feeding(source: FakeSource, have: Record<string, string> = {}) {
  const sent: FeedMessage[] = [];
  let synced = 0;
  const feed = new BoardFeed({
    nodeName: 'pi',
    source,
    have,
    send: async (message) => void sent.push(message),
    synced: () => synced++,
  });
  const stop = feed.start();
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  await settle();
  const taken = async (): Promise<string[]> => {
    await settle();
    return sent.splice(0).map((m) => `${m.object ? '+' : '-'}${m.kind}/${m.name}`);
  };
  return { sent, taken, stop, syncedTimes: () => synced };
}

describe('referencesOf', () => {
  it('finds ConfigMaps and Secrets in volumes, env, envFrom and pull secrets', () => {
    const pod = aPod('a', {
      imagePullSecrets: [{ name: 'pull' }],
      volumes: [
        { name: 'v1', configMap: { name: 'cm1' } },
        { name: 'v2', secret: { secretName: 's1' } },
        { name: 'v3', projected: { sources: [{ configMap: { name: 'cm2' } }, { secret: { name: 's2' } }] } },
      ],
      initContainers: [{ name: 'i', envFrom: [{ secretRef: { name: 's3' } }] }],
      containers: [
        { name: 'c', env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'cm3', key: 'k' } } }] },
      ],
    });
    expect([...referencesOf([pod])].sort()).toEqual([
      'configmaps/default/cm1',
      'configmaps/default/cm2',
      'configmaps/default/cm3',
      'configmaps/kube-system/kube-dns',
      'secrets/default/pull',
      'secrets/default/s1',
      'secrets/default/s2',
      'secrets/default/s3',
    ]);
  });
});

describe('actedUpon', () => {
  it('does not see a status report of the board itself', () => {
    const before = aPod('a');
    const after = aPod('a', {}, { status: { phase: 'Running' } });
    after.metadata.resourceVersion = '9';
    expect(digestOf('pods', after)).toBe(digestOf('pods', before));
    expect(actedUpon('services', after)).toHaveProperty('status');
  });

  it('sees that a pod has ended, once', () => {
    const running = aPod('a', {}, { status: { phase: 'Running' } });
    const failed = aPod('a', {}, { status: { phase: 'Failed', reason: 'NodePorts' } });
    const later = aPod('a', {}, { status: { phase: 'Failed', message: 'more of it' } });
    expect(digestOf('pods', failed)).not.toBe(digestOf('pods', running));
    expect(digestOf('pods', later)).toBe(digestOf('pods', failed));
  });
});

describe('sentTo', () => {
  it('tells a board of others no more than the way to their pods', () => {
    expect(sentTo('pi', 'nodes', aNode('pi2', { capacity: { cpu: '4' } }))).toEqual({
      metadata: { name: 'pi2', uid: undefined, labels: { 'topology.kubernetes.io/zone': 'attic' } },
      spec: { podCIDR: '10.42.1.0/24', podCIDRs: ['10.42.1.0/24'] },
      status: { addresses: [{ type: 'InternalIP', address: '10.0.0.2' }] },
    });
    expect(sentTo('pi', 'nodes', aNode('pi'))).toEqual(aNode('pi'));
  });
});

describe('BoardFeed', () => {
  it('sends all services, slices and nodes, and none for a heartbeat of another board', async () => {
    const source = new FakeSource();
    source.put('services', named('web'));
    source.put('endpointslices', named('web-1'));
    source.put('nodes', aNode('pi2'));
    const { taken } = await feeding(source);
    expect(await taken()).toEqual(['+nodes/pi2', '+services/web', '+endpointslices/web-1']);
    source.put('nodes', aNode('pi2', { conditions: [{ type: 'Ready', status: 'True' }] }));
    expect(await taken()).toEqual([]);
    source.put('nodes', aNode('pi2', { addresses: [{ type: 'InternalIP', address: '10.0.0.9' }] }));
    expect(await taken()).toEqual(['+nodes/pi2']);
    source.drop('nodes', aNode('pi2'));
    source.drop('endpointslices', named('web-1'));
    expect(await taken()).toEqual(['-nodes/pi2', '-endpointslices/web-1']);
  });

  it('sends what the pods name before the pods, then says that it is in step', async () => {
    const source = new FakeSource();
    source.put('pods', aPod('a', { volumes: [{ name: 'v', configMap: { name: 'cm' } }] }));
    source.put('configmaps', named('cm'));
    source.put('configmaps', named('other'));
    source.put('secrets', named('foreign'));
    source.put('pods', aPod('elsewhere', { nodeName: 'pi2' }));
    const { taken, syncedTimes } = await feeding(source);
    expect(await taken()).toEqual(['+configmaps/cm', '+pods/a']);
    expect(syncedTimes()).toBe(1);
  });

  it('sends nothing that the board has, and removes what it should not have', async () => {
    const source = new FakeSource();
    const pod = aPod('a');
    source.put('pods', pod);
    const { taken } = await feeding(source, {
      'pods/default/a': digestOf('pods', pod),
      'pods/default/gone': 'x',
      'secrets/default/stale': 'y',
    });
    expect(await taken()).toEqual(['-secrets/stale', '-pods/gone']);
  });

  it('follows references as pods come and go', async () => {
    const source = new FakeSource();
    source.put('secrets', named('s'));
    const { taken } = await feeding(source);
    const pod = aPod('a', { imagePullSecrets: [{ name: 's' }] });
    source.put('pods', pod);
    expect(await taken()).toEqual(['+secrets/s', '+pods/a']);
    source.put('secrets', named('s', { changed: 'yes' }));
    expect(await taken()).toEqual(['+secrets/s']);
    source.drop('pods', pod);
    expect(await taken()).toEqual(['-secrets/s', '-pods/a']);
  });

  it('sends policies and groups before the Pods that they are about, and takes them back', async () => {
    const source = new FakeSource();
    const { taken } = await feeding(source);
    const group = { metadata: { name: 'g' }, members: [] };
    source.put('addressgroups', group);
    source.put('networkpolicies', named('deny'));
    source.put('pods', aPod('a'));
    expect(await taken()).toEqual(['+networkpolicies/deny', '+addressgroups/g', '+pods/a']);
    source.drop('addressgroups', group);
    source.drop('networkpolicies', named('deny'));
    expect(await taken()).toEqual(['-addressgroups/g', '-networkpolicies/deny']);
  });

  it('sends Ingresses and of their Secrets the key pairs, to boards that serve them', async () => {
    const source = new FakeSource();
    source.put('nodes', aNode('pi'));
    source.put('ingresses', anIngress('web', 'pair', 'password'));
    source.put('secrets', aPair('pair'));
    source.put('secrets', named('password', { 'tls.crt': 'x' }));
    const { sent, taken } = await feeding(source);
    const pair = () => sent.find(({ kind }) => kind === 'secrets')?.object;
    expect(pair()).toMatchObject({
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': 'Yw==', 'tls.key': 'aw==' },
    });
    expect(pair()).not.toHaveProperty('data.extra');
    expect(await taken()).toEqual(['+nodes/pi', '+secrets/pair', '+ingresses/web']);

    // Another password beside the pair is nothing to a board that does not get it; a Pod that mounts it all does.
    const more = { ...aPair('pair'), data: { ...aPair('pair').data, extra: 'bmV3' } };
    source.put('secrets', more);
    const served = { ...anIngress('web', 'pair', 'password'), status: { loadBalancer: { ingress: [] } } };
    source.put('ingresses', served);
    expect(await taken()).toEqual([]);
    source.put('pods', aPod('a', { volumes: [{ name: 'v', secret: { secretName: 'pair' } }] }));
    expect(pair()).toBeUndefined();
    expect(await taken()).toEqual(['+secrets/pair', '+pods/a']);
    source.drop('pods', aPod('a'));
    expect(await taken()).toEqual(['+secrets/pair', '-pods/a']);

    const idle = aNode('pi');
    source.put('nodes', {
      ...idle,
      metadata: { ...idle.metadata, labels: { 'coracle.dev/ingress': 'false' } },
    });
    expect((await taken()).sort()).toEqual(['+nodes/pi', '-ingresses/web', '-secrets/pair']);
    source.put('nodes', idle);
    expect((await taken()).sort()).toEqual(['+ingresses/web', '+nodes/pi', '+secrets/pair']);
    source.drop('ingresses', anIngress('web'));
    expect((await taken()).sort()).toEqual(['-ingresses/web', '-secrets/pair']);
  });

  it('stops when told', async () => {
    const source = new FakeSource();
    const { taken, stop } = await feeding(source);
    stop();
    source.put('pods', aPod('late'));
    expect(await taken()).toEqual([]);
  });
});
