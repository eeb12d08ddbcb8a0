/**
 * What must survive: Pods of StatefulSets, one on each board, that write numbered lines to a volume, sync each, and report it
 * only then to a collector on this machine.
 */
import { createServer, type Server } from 'node:http';
import type { Cluster } from '../support/cluster/cluster.ts';
import { apply } from '../support/cluster/manifests.ts';

export const WRITERS = 'app=writer';

/** Goes on after the last whole line; a report that fails (no network) is not repeated: only what arrived counts. */
const script = (collector: string): string => `
f=/data/lines
touch $f
n=$(grep -c . $f)
while :; do
  n=$((n+1))
  echo $n >>$f && sync $f || exit 1
  timeout 3 wget -q -O /dev/null ${collector}/$HOSTNAME/$n 2>/dev/null
  sleep 0.3
done`;

/** One replica on each board: a hostPath belongs to its board. */
export async function createWriters(cluster: Cluster, collector: string): Promise<readonly string[]> {
  const names = cluster.boards.map((board) => `writer-${board.name}`);
  await apply(cluster, ...cluster.boards.map((board) => writer(board.name, collector)));
  await cluster.readyPods(WRITERS, names.length, 120_000);
  return names.map((name) => `${name}-0`);
}

const writer = (board: string, collector: string): object => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: `writer-${board}` },
  spec: {
    serviceName: 'writer',
    replicas: 1,
    selector: { matchLabels: { app: 'writer', board } },
    template: {
      metadata: { labels: { app: 'writer', board } },
      spec: {
        nodeSelector: { 'kubernetes.io/hostname': board },
        terminationGracePeriodSeconds: 2,
        volumes: [{ name: 'data', hostPath: { path: '/var/lib/coracle/chaos', type: 'DirectoryOrCreate' } }],
        containers: [
          {
            name: 'writer',
            image: 'coracle.local/busybox:1',
            imagePullPolicy: 'IfNotPresent',
            command: ['sh', '-c', script(collector)],
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
            readinessProbe: { exec: { command: ['test', '-s', '/data/lines'] }, periodSeconds: 5 },
          },
        ],
      },
    },
  },
});

/** The highest line that each Pod reported, and how often. */
export class Collector {
  readonly #highest = new Map<string, number>();
  #server: Server | undefined;
  #count = 0;

  /** Listens on this machine's address on the LAN; gives the URL that Pods report to. */
  async listen(host: string): Promise<string> {
    const server = createServer(({ url = '' }, response) => {
      const [, pod = '', line = ''] = url.split('/');
      this.#highest.set(pod, Math.max(this.highest(pod), Number(line)));
      this.#count++;
      response.end();
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the collector has no port');
    return `http://${host}:${address.port}`;
  }

  /** 0 before the first. */
  highest(pod: string): number {
    return this.#highest.get(pod) ?? 0;
  }

  get count(): number {
    return this.#count;
  }

  close(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }
}
