/**
 * What must survive: Pods of a StatefulSet, one on each board, that write numbered lines to their volumes, sync each, and report
 * it only then to a collector on this machine.
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

/** One replica on each board, each with a volume of its own that the cluster made there. */
export async function createWriters(cluster: Cluster, collector: string): Promise<readonly string[]> {
  const replicas = cluster.boards.length;
  await apply(cluster, writer(replicas, collector));
  await cluster.readyPods(WRITERS, replicas, 120_000);
  return Array.from({ length: replicas }, (_, index) => `writer-${index}`);
}

const labels = { app: 'writer' };

const writer = (replicas: number, collector: string): object => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'writer' },
  spec: {
    serviceName: 'writer',
    replicas,
    podManagementPolicy: 'Parallel',
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        terminationGracePeriodSeconds: 2,
        affinity: {
          podAntiAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [
              { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: labels } },
            ],
          },
        },
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
    volumeClaimTemplates: [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '16Mi' } } },
      },
    ],
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
