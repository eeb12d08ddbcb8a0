/** The scheduler on the real handlers: what it writes is valid there, and what they write wakes it. */
import { afterEach, expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { silent } from '#proto/meta/log.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { SubresourceHandlers } from '#server/apiserver/subresources/subresources.ts';
import { noBoards } from '#server/apiserver/testing/no-boards.ts';
import { testApi } from '#server/apiserver/testing/test-api.ts';
import { ApiEventRecorder } from '#server/client/events.ts';
import { InformerFactory } from '#server/client/informer-factory.ts';
import { createLocalClient } from '#server/client/local-client.ts';
import { strategies } from '#server/registry/index.ts';
import { aContainer, aNode, aPod } from './fixtures.ts';
import { Scheduler } from './scheduler.ts';

const stop = new AbortController();
afterEach(() => stop.abort());

it('parks, tells, wakes and binds', async () => {
  const api = testApi({ nodes: strategies.get('/nodes') ?? {}, pods: strategies.get('/pods') ?? {} });
  const { clock } = api;
  const subresources = new SubresourceHandlers({
    reviews: {},
    tokenIssuer: async (request) => request,
    streams: noBoards,
  });
  const user = { name: 'system:kube-scheduler', groups: ['system:masters'] };
  const client = createLocalClient(api, subresources, user);
  const informers = new InformerFactory({ client, clock, log: silent });
  informers.start(stop.signal);
  const events = new ApiEventRecorder({ client, clock, log: silent, component: 'default-scheduler' });
  const options = { client, informers, events, clock, random: () => 0, log: silent };
  await new Scheduler({ ...options, schedulerName: 'default-scheduler' }).start(stop.signal);
  const scheduled = async (name: string): Promise<unknown> => {
    const pod = await client.get(pods, { namespace: 'default', name });
    const condition = pod.status?.conditions?.find((c) => c.type === 'PodScheduled');
    return [pod.spec.nodeName, condition?.status, condition?.reason, condition?.message];
  };
  const hostNetwork = (name: string): Pod =>
    aPod(name, {
      hostNetwork: true,
      containers: [aContainer({ cpu: '1' }, { ports: [{ containerPort: 80 }] })],
    });

  await client.create(pods, hostNetwork('web'));
  await expect
    .poll(() => scheduled('web'))
    .toEqual([undefined, 'False', 'Unschedulable', 'no nodes available to schedule pods']);
  const { spec, status, ...node } = aNode('board-1');
  await client.create(nodes, { ...node, spec: {} });
  await client.patch(nodes, { name: 'board-1' }, 'merge', { status }, { subresource: 'status' });
  await clock.advance(2_000);
  await expect.poll(() => scheduled('web')).toEqual(['board-1', 'True', undefined, undefined]);

  await client.create(pods, hostNetwork('second'));
  const message =
    "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports. " +
    'preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.';
  await expect.poll(() => scheduled('second')).toEqual([undefined, 'False', 'Unschedulable', message]);
});
