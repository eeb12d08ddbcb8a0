import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { resizePods } from './pod-mtu.ts';

it('changes both ends of each cable, and passes over what is gone', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'coracle-mtu-'));
  const mounts = join(folder, 'mounts');
  writeFileSync(
    mounts,
    [
      'nsfs /run/x/netns/cni-a nsfs rw 0 0',
      'nsfs /run/x/netns/cni-a nsfs rw 0 0',
      'nsfs /run/x/netns/cni-gone nsfs rw 0 0',
      'nsfs /run/docker/netns/default nsfs rw 0 0',
      'tmpfs /run tmpfs rw 0 0',
    ].join('\n'),
  );
  const ran: string[] = [];
  await resizePods(
    1450,
    async (program, args, input) => {
      ran.push(`${program} ${input ?? args.join(' ')}`);
      if (args[0]?.includes('gone')) throw new Error('no such file');
      return args.includes('show')
        ? JSON.stringify([
            { ifname: 'veth1', mtu: 1500 },
            { ifname: 'veth2', mtu: 1450 },
          ])
        : '';
    },
    mounts,
  );
  rmSync(folder, { recursive: true });
  expect(ran).toEqual([
    'ip -json link show master cni0',
    'nsenter --net=/run/x/netns/cni-a ip link set dev eth0 mtu 1450',
    'nsenter --net=/run/x/netns/cni-gone ip link set dev eth0 mtu 1450',
    'ip link set dev veth1 mtu 1450\n',
  ]);
});
