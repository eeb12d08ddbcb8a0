/** A flashed server and a flashed agent find each other, run a Pod, and are closed to everything else. */
import { stat } from 'node:fs/promises';
import { run } from '#firmware/build/run.ts';
import { ADDRESSES, ImageCluster, patiently } from './cluster.ts';
import type { Images } from './images.ts';
import { accelerated, prepareMachines } from './machine.ts';
import type { Shell } from './ssh.ts';
import { expect, type Suite, seconds } from './step.ts';

const LIMIT_BYTES = 350 * 1000 * 1000;
export const CARD_GIB = 4;

/** An emulated processor shares ours with whatever else runs here: patience costs nothing when all is well. */
export const patience = (images: Images): number => (accelerated(images.board.arch) ? 5 : 40) * 60_000;

const LIMITED_POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'limited' },
  spec: {
    nodeName: 'agent',
    terminationGracePeriodSeconds: 0,
    // An emulated board is away for longer than the five minutes that a Pod waits for its node.
    tolerations: [{ operator: 'Exists', effect: 'NoExecute' }],
    containers: [
      {
        name: 'app',
        image: 'coracle.local/hello:1',
        resources: { requests: { cpu: '100m', memory: '16Mi' }, limits: { cpu: '500m', memory: '32Mi' } },
      },
    ],
  },
};

/**
 * What may listen on any address but loopback, by role. Names are answered to Pods on the cluster's own address. 68 is where an
 * address comes in, on an interface that has no fixed one.
 */
const PORTS = { server: ['22', '68', '5353', '6443', '6444', '8883', '8884'], agent: ['22'] } as const;

/** A command of a board, which has no client for HTTP but this. */
const fetchText = (url: string): string =>
  `/usr/lib/coracle/bin/node -e 'fetch("${url}").then((r) => r.text()).then(console.log)'`;

/** The cluster that the steps of a board share: made by the first, used by all. */
export interface Shared {
  cluster: ImageCluster | undefined;
}

export function clusterOf({ cluster }: Shared): ImageCluster {
  if (!cluster) throw new Error('there is no cluster');
  return cluster;
}

export function clusterSteps(images: Images, shared: Shared): Suite {
  const { board, folder } = images;
  const up = (): ImageCluster => clusterOf(shared);
  const since = { server: 0, agent: 0 };
  const after = (from: number): string => seconds(performance.now() - from);
  const limit = patience(images);
  /** What the guest itself took to start, by systemd: it says so once every job is done. */
  const bareBoot = (shell: Shell): Promise<string> =>
    patiently(limit, async () => (await shell.run('systemd-analyze time')).split('\n', 1)[0] ?? '', 2000);

  return {
    steps: [
      {
        name: 'images',
        vital: true,
        run: async () => {
          const lines: string[] = [];
          for (const role of ['server', 'agent'] as const) {
            const [image = ''] = await images.pack(role);
            const { size } = await stat(image);
            lines.push(`${role}: ${(size / 1e6).toFixed(0)} MB compressed`);
            expect(size <= LIMIT_BYTES, `${image} has ${size} bytes, more than ${LIMIT_BYTES}`);
            await run('xz', ['-t', image]);
          }
          return lines;
        },
      },
      {
        name: 'boot',
        vital: true,
        run: async () => {
          await prepareMachines(board.arch, images.say);
          const cluster = await ImageCluster.create(folder, board.arch);
          shared.cluster = cluster;
          const { server, agent } = cluster;
          await server.flash((await images.build('server')).disk, CARD_GIB, cluster.config('server'));
          await agent.flash(
            (await images.build('agent')).disk,
            CARD_GIB,
            cluster.config('agent', [`server: ${ADDRESSES.server}`]),
          );
          since.server = performance.now();
          server.powerOn();
          await server.shows(/this is server, server/, limit);
          const lines = [`server: ${after(since.server)} to its configuration`];
          await patiently(limit, () => up().fetchKubeconfig(), 2000);
          lines.push(`server: ${after(since.server)} to its kubeconfig`);
          await cluster.nodeReady('server', limit);
          lines.push(`server: ${after(since.server)} to Ready`);
          lines.push(`server: ${await bareBoot(cluster.shell)}`);
          since.agent = performance.now();
          agent.powerOn();
          await cluster.nodeReady('agent', limit);
          lines.push(`agent: ${after(since.agent)} to Ready`);
          lines.push(`agent: ${await bareBoot(cluster.agentShell)}`);
          return lines;
        },
      },
      {
        name: 'pod',
        run: async () => {
          const from = performance.now();
          await up().kubectlWith(['apply', '-f', '-'], JSON.stringify(LIMITED_POD));
          await patiently(limit, async () => {
            const phase = await up().kubectl('get', 'pod', 'limited', '-o', 'jsonpath={.status.phase}');
            expect(phase === 'Running', `the Pod is ${phase}`);
          });
          const running = after(from);
          const pods = await up().kubectl('get', 'pods', '-o', 'wide');
          for (const role of ['server', 'agent'] as const) {
            const path = 'jsonpath={.status.addresses[?(@.type=="InternalIP")].address}';
            const address = await up().kubectl('get', 'node', role, '-o', path);
            expect(address === ADDRESSES[role], `${role} says that it is at ${address}`);
          }
          const ip = await up().kubectl('get', 'pod', 'limited', '-o', 'jsonpath={.status.podIP}');
          const greeting = await patiently(limit, () => up().shell.run(fetchText(`http://${ip}:8080/`)));
          return [
            `Running after ${running}`,
            ...pods.trim().split('\n'),
            `on the server: ${greeting.trim()}`,
          ];
        },
      },
      {
        name: 'closed',
        run: async () => {
          const lines: string[] = [];
          for (const [role, shell] of [
            ['server', up().shell],
            ['agent', up().agentShell],
          ] as const) {
            const out = await shell.run("ss -Htuln | awk '{ print $5 }'");
            const ports = [...new Set(out.trim().split('\n'))]
              .filter((address) => !/^(127\.|\[::1\]|10\.43\.0\.10:53$)/.test(address))
              .map((address) => address.slice(address.lastIndexOf(':') + 1));
            const strange = ports.filter((port) => !(PORTS[role] as readonly string[]).includes(port));
            lines.push(`${role}: ${[...new Set(ports)].join(', ')}`);
            expect(strange.length === 0, `${role} listens on ${strange.join(', ')}`);
            const shadow = await shell.run("cut -d: -f2 /etc/shadow | sort -u | tr '\\n' ' '");
            expect(/^[!* ]+$/.test(shadow), `there is a password on ${role}`);
          }
          return lines;
        },
      },
      {
        name: 'system',
        run: async () => {
          const { shell } = up();
          const security = await shell.run(
            'systemd-analyze security --no-pager coracle-server.service | tail -n 1',
          );
          const level = Number(/: ([\d.]+)/.exec(security)?.[1]);
          expect(level <= 4, security);
          const mounts = await shell.run('cat /proc/mounts');
          expect(/ \/ squashfs ro/.test(mounts), mounts);
          expect(/ \/var ext4 rw,noatime/.test(mounts), mounts);
          const data = Number((await shell.run("stat -f -c '%b %S' /data | awk '{ print $1 * $2 }'")).trim());
          expect(data > (CARD_GIB - 2) * 1024 ** 3, `the data partition has ${data} bytes`);
          const checks = await shell.run(
            'ls /dev/watchdog0 && swapon --show=NAME --noheadings && journalctl --header | grep -m1 "File path" && systemctl --failed --no-legend && systemctl is-active systemd-timesyncd',
          );
          expect(/zram0/.test(checks) && /\/run\/log\/journal/.test(checks), checks);
          const memory = await shell.run('free -m | sed -n 2p');
          return [security.trim(), `data partition: ${(data / 1024 ** 3).toFixed(1)} GiB`, memory.trim()];
        },
      },
      {
        name: 'status',
        run: async () => {
          const { agentShell } = up();
          const text = await patiently(limit, () => agentShell.run('cat /boot/firmware/CORACLE-STATUS.txt'));
          expect(/agent is part of the cluster/.test(text), text);
          return [text.split('\r\n').slice(2, 5).join('; ')];
        },
      },
    ],
    end: async () => {
      await shared.cluster?.powerOff();
    },
  };
}
