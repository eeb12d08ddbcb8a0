/** A board that ran Pods, and is as it was before once Coracle is taken off it. */
import { expect, it } from 'vitest';
import { CORACLE } from '../support/cluster/cluster.ts';
import { apply, helloDeployment } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 1, ownContainerd: true });

it('leaves nothing: no process, mount, link, table, namespace or file', async () => {
  await apply(cluster(), helloDeployment('web', 3));
  await cluster().readyPods('app=web', 3);
  const board = cluster().board('board-1');
  const sh = async (script: string): Promise<string> => (await board.exec(script)).stdout;
  const left = async () => ({
    processes: await sh("ps -eo args= | grep -E '(/run|/var/lib)/coracle' | grep -v grep || true"),
    mounts: await sh("grep -E ' (/run|/var/lib)/coracle/| /run/netns/cni-' /proc/self/mountinfo || true"),
    link: await sh('ip -o link show cni0 2>/dev/null || true'),
    tables: await sh('nft list tables | grep coracle || true'),
    rules: await sh('iptables-save 2>/dev/null | grep -c CNI- || true'),
    files: await sh(
      'find /var/lib/coracle /run/coracle /etc/coracle /var/log/pods -mindepth 1 2>/dev/null || true',
    ),
  });
  const before = await left();
  for (const [what, found] of Object.entries(before))
    expect({ what, found }).not.toEqual({ what, found: '' });

  await board.stopService('agent');
  const uninstall = async (): Promise<string> => {
    const { stdout, stderr } = await board.exec([...CORACLE, 'uninstall']);
    return stdout + stderr;
  };
  expect(await uninstall()).toMatch(/✓ 3 Pods ended[\s\S]*✓ files removed/);
  expect(await left()).toEqual({
    processes: '',
    mounts: '',
    link: '',
    tables: '',
    rules: '0\n',
    files: '',
  });
  expect(await uninstall()).toContain('✓ files removed');
});
