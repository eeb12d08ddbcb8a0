/**
 * Volumes of an NFS server, with the kernel's own client: the machines that tests run on have none. The server's board reaches
 * it through QEMU, the agent's through that board, as through a router.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PodSpec } from '#proto/schema/generated/core-v1.ts';
import { shellPod } from '../support/cluster/manifests.ts';
import { importBusybox } from './busybox.ts';
import { ADDRESSES, patiently } from './cluster.ts';
import type { Images } from './images.ts';
import { REACHED } from './machine.ts';
import { EXPORTED, NfsServer } from './nfs-server.ts';
import { expect, type Step, seconds } from './step.ts';
import { clusterOf, patience, type Shared } from './uefi.ts';

const VOLUME = {
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name: 'shared' },
  spec: {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteMany'],
    storageClassName: '',
    persistentVolumeReclaimPolicy: 'Retain',
    nfs: { server: REACHED, path: EXPORTED },
  },
};
const CLAIM = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'shared' },
  spec: {
    accessModes: ['ReadWriteMany'],
    storageClassName: '',
    volumeName: 'shared',
    resources: { requests: { storage: '1Gi' } },
  },
};
const REST = 'trap "exit 0" TERM; while :; do sleep 1 & wait; done';
const ROUTE = {
  there: [
    'nft add table ip coracle-test',
    "nft 'add chain ip coracle-test out { type nat hook postrouting priority 90; }'",
    `nft add rule ip coracle-test out ip saddr ${ADDRESSES.agent} ip daddr ${REACHED} masquerade`,
  ].join(' && '),
  here: `ip route replace ${REACHED} via ${ADDRESSES.server}`,
} as const;

type Source = NonNullable<PodSpec['volumes']>[number];

function aPod(node: string, name: string, script: string, source?: Omit<Source, 'name'>) {
  const volumes = source ? [{ name: 'data', ...source }] : [];
  const volumeMounts = source ? [{ name: 'data', mountPath: '/data' }] : [];
  return shellPod(name, script, { volumeMounts }, { nodeName: node, volumes });
}

const claimed = { persistentVolumeClaim: { claimName: 'shared' } };
const inline = (readOnly: boolean) => ({ nfs: { server: REACHED, path: EXPORTED, readOnly } });

/** A look by kubectl costs an emulated board seconds of its processor. */
const slowly = <T>(timeoutMs: number, work: () => Promise<T>): Promise<T> => patiently(timeoutMs, work, 5000);

export function nfsStep(images: Images, shared: Shared): Step {
  const limit = patience(images);
  return {
    name: 'nfs',
    run: async () => {
      const cluster = clusterOf(shared);
      const shells = { server: cluster.shell.kept(), agent: cluster.agentShell.kept() };
      const lines: string[] = [];
      const since = performance.now();
      const note = (what: string): void => {
        lines.push(`${seconds(performance.now() - since)}: ${what}`);
      };
      const apply = (...objects: readonly object[]): Promise<string> =>
        cluster.kubectlWith(
          // kubectl's own look at the schema costs an emulated board a minute.
          ['apply', '--validate=false', '-f', '-'],
          JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
        );
      const logShows = (pod: string, pattern: RegExp): Promise<void> =>
        slowly(limit, async () => {
          const log = await cluster.kubectl('logs', pod);
          expect(pattern.test(log), `${pod} says: ${log}`);
        });
      const isRunning = (pod: string): Promise<void> =>
        slowly(limit, async () => {
          const phase = await cluster.kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.phase}');
          expect(phase === 'Running', `${pod} is ${phase}`);
        });
      /** What was said of the Pod, once it was. */
      const failedMount = (pod: string): Promise<string> =>
        slowly(limit, async () => {
          const about = `involvedObject.name=${pod},reason=FailedMount`;
          const path = 'jsonpath={.items[*].message}';
          const said = await cluster.kubectl('get', 'events', '--field-selector', about, '-o', path);
          expect(said !== '', `nothing is said of ${pod}`);
          return said;
        });
      const end = (...pods: readonly string[]): Promise<string> =>
        cluster.kubectl('delete', 'pod', ...pods, `--timeout=${limit / 4000}s`, '--request-timeout=0');
      /** Of processes of the agent's board, without their own search. */
      const mounting = async (): Promise<boolean> =>
        (await shells.agent.run("pgrep -f '[m]ount.nfs' || true")).trim() !== '';

      await importBusybox(images, Object.values(shells));
      await shells.server.run(ROUTE.there);
      await shells.agent.run(ROUTE.here);
      const programs = join(images.root, '.cache/images/nfs-server');
      const nfs = await NfsServer.start(programs, images.folder, cluster.nfsPort, images.say);
      try {
        await apply(
          VOLUME,
          CLAIM,
          aPod('server', 'writes', `echo of the server > /data/words; ${REST}`, claimed),
          aPod('agent', 'reads', `until cat /data/words; do sleep 1; done; ${REST}`, claimed),
        );
        await logShows('reads', /^of the server$/m);
        const words = await readFile(join(nfs.exportFolder, 'words'), 'utf8');
        expect(words === 'of the server\n', `the exported folder has ${words}`);
        note('one board has read what the other has written');

        await apply(
          aPod('agent', 'looks', `cat /data/words; touch /data/mine 2>&1; echo over; ${REST}`, inline(true)),
        );
        await logShows('looks', /of the server[\s\S]*Read-only file system[\s\S]*over/);
        note('a volume that may only be read is only read');

        nfs.fallSilent();
        await apply(aPod('agent', 'waits', REST, inline(false)));
        await slowly(limit, async () => expect(await mounting(), 'nothing is mounted'));
        await apply(aPod('agent', 'other', REST));
        await isRunning('other');
        await cluster.kubectl('exec', 'other', '--', 'true');
        note('beside one that waits for its volume another Pod has started');
        await end('looks');
        note('a Pod has ended whose server is silent');
        const said = await failedMount('waits');
        expect(/^MountVolume\.SetUp failed for volume "data" : mount failed: .*\S/.test(said), said);
        note(`of the one that waits is said: ${said}`);
        await slowly(limit, async () => expect(await mounting(), 'it is not tried again'));
        await end('waits');
        expect(!(await mounting()), 'the mount goes on without its Pod');
        note('it has ended while it was mounted');

        nfs.speakAgain();
        await cluster.kubectl('exec', 'reads', '--', 'cat', '/data/words');
        note('the server speaks again, and is heard');
        await end('reads', 'writes', 'other');
        await cluster.kubectl('delete', 'pvc,pv', 'shared');
        for (const [name, shell] of Object.entries(shells)) {
          const mounts = await shell.run('grep -c " nfs4 " /proc/mounts || true');
          expect(mounts.trim() === '0', `${name} still has ${mounts.trim()} exports mounted`);
        }
        return lines;
      } finally {
        nfs.speakAgain();
        await nfs.stop();
      }
    },
  };
}
