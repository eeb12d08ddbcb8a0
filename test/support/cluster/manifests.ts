/** What stories apply, small enough to read at the call. */
import type { Deployment } from '#proto/schema/generated/apps-v1.ts';
import type { Container, Pod, PodSpec } from '#proto/schema/generated/core-v1.ts';
import type { Cluster } from './cluster.ts';

type Manifest = Readonly<Record<string, unknown>>;

/** Sends manifests through `kubectl apply`, as a stream of JSON; gives what it said. */
export function apply(cluster: Cluster, ...manifests: readonly object[]): Promise<string> {
  return cluster.kubectl.ok('apply -f -', { input: manifests.map((m) => JSON.stringify(m)).join('\n') });
}

/** The hello server, ready when it answers. */
export function helloDeployment(name: string, replicas: number, podSpec: Partial<PodSpec> = {}): Manifest {
  const hello: Partial<Container> = {
    name: 'hello',
    image: 'coracle.local/hello:1',
    imagePullPolicy: 'IfNotPresent',
    ports: [{ containerPort: 8080, protocol: 'TCP' }],
    readinessProbe: {
      httpGet: { path: '/healthz', port: 8080, scheme: 'HTTP' },
      periodSeconds: 1,
    } as Container['readinessProbe'],
    resources: { requests: { cpu: '10m', memory: '8Mi' } },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { terminationGracePeriodSeconds: 5, containers: [hello], ...podSpec },
      },
    } satisfies Partial<Record<keyof Deployment['spec'], unknown>>,
  };
}

/** A Pod that runs a shell script; it runs for ever without one. */
export function shellPod(
  name: string,
  script = 'trap "exit 0" TERM; while :; do sleep 1 & wait; done',
  container: Partial<Container> = {},
  spec: Partial<PodSpec> = {},
): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 3,
      ...spec,
      containers: [
        {
          name: 'main',
          image: 'coracle.local/busybox:1',
          imagePullPolicy: 'IfNotPresent',
          command: ['sh', '-c', script],
          ...container,
        },
        ...(spec.containers ?? []),
      ],
    },
  };
}

/** The one container's status, which most stories ask for. */
export async function mainStatus(cluster: Cluster, pod: string) {
  const { status } = await cluster.kubectl.json<Pod>(['get', 'pod', pod]);
  const main = status?.containerStatuses?.find((one) => one.name === 'main');
  if (!main) throw new Error(`pod ${pod} is ${status?.phase} and has no container status`);
  return main;
}
