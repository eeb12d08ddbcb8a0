/** Devices of a board in Pods that are neither privileged nor root. */
import { expect, it } from 'vitest';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import { eventually } from '../support/boards/eventually.ts';
import { apply, shellPod } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const NAME = 'coracle.dev/sensor';
const cluster = useCluster({ boards: 1, agentFlags: ['--device', 'sensor=/run/devices/sensor*'] });
const board = () => cluster().board('board-1');
const offered = (amount: string | undefined) =>
  eventually(
    async () => {
      const { status } = await cluster().kubectl.json<Node>(['get', 'node', 'board-1']);
      expect(status?.allocatable?.[NAME]).toBe(amount);
      expect(status?.capacity?.[NAME]).toBe(amount);
      return true;
    },
    { timeoutMs: 25_000 },
  );
const using = (name: string) =>
  shellPod(
    name,
    undefined,
    { resources: { limits: { [NAME]: '1' } } },
    { securityContext: { runAsUser: 1000, runAsGroup: 1000 } },
  );
const ready = (name: string) => cluster().kubectl.ok(`wait --for=condition=Ready pod/${name} --timeout=40s`);
const inPod = (name: string, script: string) =>
  cluster().kubectl.run(['exec', name, '--', 'sh', '-c', script]);

it('come and go with the plug, and are given to one at a time', async () => {
  await offered(undefined);
  // Two of the kernel's own, which nobody but their group may use.
  await board().exec(
    'mkdir /run/devices && cd /run/devices && mknod sensor0 c 1 3 && mknod sensor1 c 1 5 && chgrp 4242 sensor* && chmod 660 sensor*',
  );
  await offered('2');
  await apply(cluster(), using('one'), using('two'), using('three'));
  await Promise.race([ready('three'), ready('two')]);
  const phases = async () =>
    (await cluster().kubectl.json<{ items: Pod[] }>(['get', 'pods'])).items.map(
      ({ status }) => status?.phase,
    );
  await eventually(async () => expect((await phases()).sort()).toEqual(['Pending', 'Running', 'Running']), {
    timeoutMs: 30_000,
  });
  const { items } = await cluster().kubectl.json<{ items: Pod[] }>(['get', 'pods']);
  const names = (phase: string) =>
    items.filter(({ status }) => status?.phase === phase).map(({ metadata }) => metadata.name ?? '');
  const [waiting = ''] = names('Pending');
  const running = names('Running');
  const seen = await Promise.all(running.map((name) => inPod(name, 'id -u; ls /run/devices')));
  expect(seen.map(({ stdout }) => stdout.trim().split('\n')).sort()).toEqual([
    ['1000', 'sensor0'],
    ['1000', 'sensor1'],
  ]);
  for (const name of running)
    expect((await inPod(name, 'exec 3<>$(echo /run/devices/*); echo ok >&3 && echo written')).stdout).toBe(
      'written\n',
    );

  // The agent knows after its restart who has what, and the next gets what is given back.
  const [gone = '', stays = ''] = running;
  const { stdout: free } = await inPod(gone, 'ls /run/devices');
  await board().killService('agent');
  await cluster().kubectl.ok(`delete pod ${gone} --now`);
  await ready(waiting);
  const devicesIn = async (name: string) => (await inPod(name, 'ls /run/devices')).stdout;
  expect(await devicesIn(waiting)).toBe(free);
  expect(await devicesIn(stays)).not.toBe(free);

  await board().exec('rm /run/devices/sensor0');
  await offered('1');
});
