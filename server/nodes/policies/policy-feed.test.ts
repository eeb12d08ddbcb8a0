import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { namespaces } from '#proto/api/core/namespaces.ts';
import { pods } from '#proto/api/core/pods.ts';
import { networkpolicies } from '#proto/api/networking/networkpolicies.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import type { Namespace, Pod } from '#proto/schema/generated/core-v1.ts';
import type { NetworkPolicy, NetworkPolicyPeer } from '#proto/schema/generated/networking-v1.ts';
import { InformerFactory } from '#server/client/informer-factory.ts';
import { MemoryClient } from '#server/client/memory-client.ts';
import { PolicyFeed } from './policy-feed.ts';

let stop = new AbortController();
afterEach(() => stop.abort());
const settle = async (): Promise<void> => {
  for (let i = 0; i < 8; i += 1) await turn();
};

const aPod = (name: string, ip: string): Pod => ({
  metadata: { namespace: 'default', name, labels: { app: name } },
  spec: { containers: [] },
  status: { phase: 'Running', podIPs: [{ ip }] },
});
const aPolicy = (name: string, ...from: NetworkPolicyPeer[]): NetworkPolicy => ({
  metadata: { namespace: 'default', name },
  spec: { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ from }] },
});

async function aFeed() {
  stop = new AbortController();
  const client = new MemoryClient();
  await client.create(namespaces, { metadata: { name: 'default' } } as unknown as Namespace);
  const informers = new InformerFactory({ client, clock: new FakeClock(), log: silent, rng: () => 1 });
  const feed = new PolicyFeed(informers, silent);
  const told: string[] = [];
  feed.onChange((plural, key) => void told.push(`${plural}/${key}`));
  informers.start(stop.signal);
  const taken = async (): Promise<string[]> => {
    await settle();
    return told.splice(0);
  };
  return { client, feed, taken };
}

it('gives a board the policies that select its Pods, with groups that follow Pods and namespaces', async () => {
  const { client, feed, taken } = await aFeed();
  const web = aPod('web', '10.42.1.2');
  await client.create(networkpolicies, aPolicy('p', { namespaceSelector: { matchLabels: { team: 'a' } } }));
  expect(await taken()).toEqual(['networkpolicies/default/p']);
  expect(feed.neededBy([aPod('db', '10.42.1.9')])).toEqual([]);
  const [policy = '', group = ''] = feed.neededBy([web]);
  expect(policy).toBe('networkpolicies/default/p');
  const members = () => feed.group(group.replace('addressgroups/', ''))?.members;
  expect(members()).toEqual([]);

  await client.create(pods, web);
  expect(await taken()).toEqual([]);
  const labelled = { metadata: { name: 'default', labels: { team: 'a' } } } as unknown as Namespace;
  await client.update(namespaces, labelled);
  expect(await taken()).toEqual([group]);
  expect(members()).toEqual([{ ips: ['10.42.1.2'] }]);
  await client.create(pods, aPod('db', '10.42.1.3'));
  expect(await taken()).toEqual([group]);
  expect(members()?.length).toBe(2);
  await client.delete(pods, { namespace: 'default', name: 'db' });
  await settle();
  expect(members()?.length).toBe(1);
});

it('shares a group among policies, and forgets it with the last of them', async () => {
  const { client, feed } = await aFeed();
  const from = { podSelector: { matchLabels: { app: 'db' } } };
  await client.create(networkpolicies, aPolicy('p', from));
  await client.create(networkpolicies, aPolicy('q', from));
  await settle();
  const needed = feed.neededBy([aPod('web', '10.42.1.2')]);
  expect(needed.length).toBe(3);
  const group = needed.find((fed) => fed.startsWith('addressgroups/'))?.slice('addressgroups/'.length) ?? '';
  await client.delete(networkpolicies, { namespace: 'default', name: 'p' });
  await settle();
  expect(feed.group(group)).toBeDefined();
  await client.delete(networkpolicies, { namespace: 'default', name: 'q' });
  await settle();
  expect(feed.group(group)).toBeUndefined();
  expect(feed.neededBy([aPod('web', '10.42.1.2')])).toEqual([]);
});
