/** Builders and fakes for the tests of pods. */
import type { Cluster, DesiredState } from '#agent/link/cluster.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { StatusError } from '#proto/meta/status-error.ts';
import type { ConfigMap, Container, Node, Pod, PodSpec, Secret } from '#proto/schema/generated/core-v1.ts';
import type { ContainerView, SandboxView, Snapshot } from './snapshot.ts';

export const UID = '0c0ac1e0-0000-4000-8000-000000000001';

export function aPod(spec: Partial<PodSpec> = {}, metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    metadata: { name: 'web', namespace: 'default', uid: UID, generation: 1, ...metadata },
    spec: { containers: [aContainer()], restartPolicy: 'Always', ...spec },
  };
}

export function aContainer(overrides: Partial<Container> = {}): Container {
  return { name: 'main', image: 'coracle.test/hello:1', ...overrides };
}

export function aSandboxView(overrides: Partial<SandboxView> = {}): SandboxView {
  return {
    id: 's0',
    attempt: 0,
    ready: true,
    createdAtMs: 0,
    annotations: {},
    ips: ['10.42.0.2'],
    ...overrides,
  };
}

export function aRun(overrides: Partial<ContainerView> = {}): ContainerView {
  const state = overrides.state ?? 'running';
  return {
    id: `${overrides.name ?? 'main'}-${overrides.attempt ?? 0}`,
    sandboxId: 's0',
    name: 'main',
    attempt: 0,
    state,
    image: 'coracle.test/hello:1',
    imageRef: 'sha256:hello',
    createdAtMs: 1000,
    startedAtMs: 1000,
    finishedAtMs: state === 'exited' ? 2000 : undefined,
    exitCode: 0,
    reason: '',
    message: '',
    annotations: {},
    ...overrides,
  };
}

export function aSnapshot(overrides: Partial<Snapshot> = {}): Snapshot {
  return {
    pod: aPod(),
    wanted: true,
    now: 10_000,
    sandboxes: [],
    containers: [],
    volumes: { state: 'ready' },
    images: new Map(),
    problems: new Map(),
    sandboxProblem: undefined,
    probes: new Map(),
    postStart: new Map(),
    resized: new Map(),
    stopping: new Map(),
    stopped: new Set(),
    cleaned: false,
    deleted: false,
    deleteProblem: undefined,
    verdict: undefined,
    startTimeMs: 0,
    previous: undefined,
    hostIps: ['192.168.1.10'],
    ...overrides,
  };
}

/** What a board wishes, set by the test. */
export class FakeDesired implements DesiredState {
  complete = true;
  readonly objects = new Map<string, KubeObject>();
  readonly #pods = new Map<string, Pod>();
  readonly #listeners = new Set<(plural: string, key: string) => void>();

  setPod(pod: Pod): void {
    const key = `${pod.metadata.namespace}/${pod.metadata.name}`;
    this.#pods.set(key, pod);
    this.#tell('pods', key);
  }

  removePod(pod: Pod): void {
    const key = `${pod.metadata.namespace}/${pod.metadata.name}`;
    this.#pods.delete(key);
    this.#tell('pods', key);
  }

  set(plural: string, object: KubeObject): void {
    const key = `${object.metadata.namespace}/${object.metadata.name}`;
    this.objects.set(`${plural}/${key}`, object);
    this.#tell(plural, key);
  }

  pods(): readonly Pod[] {
    return [...this.#pods.values()];
  }
  node(): Node | undefined {
    return undefined;
  }
  configMap(namespace: string, name: string): ConfigMap | undefined {
    return this.objects.get(`configmaps/${namespace}/${name}`);
  }
  secret(namespace: string, name: string): Secret | undefined {
    return this.objects.get(`secrets/${namespace}/${name}`);
  }
  list<T extends KubeObject>(plural: string): readonly T[] {
    const found = [...this.objects]
      .filter(([key]) => key.startsWith(`${plural}/`))
      .map(([, object]) => object);
    // The test has put objects of that kind there.
    return found as T[];
  }
  onChange(listener: (plural: string, key: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  #tell(plural: string, key: string): void {
    for (const listener of this.#listeners) listener(plural, key);
  }
}

/** A server that keeps the pods' statuses and all that was asked of it. */
export class FakeCluster implements Cluster {
  connected = true;
  readonly calls: { method: string; path: string; body: unknown }[] = [];
  readonly pods = new Map<string, Pod>();
  readonly #listeners = new Set<(connected: boolean) => void>();

  setConnected(connected: boolean): void {
    this.connected = connected;
    for (const listener of this.#listeners) listener(connected);
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async api<T>(method: string, path: string, body?: unknown): Promise<T> {
    if (!this.connected) throw new StatusError('ServiceUnavailable', 'the server is away');
    this.calls.push({ method, path, body });
    const name = /\/pods\/([^/]+)/.exec(path)?.[1];
    if (name === undefined) return body as T;
    const pod = this.pods.get(name);
    if (!pod) throw new StatusError('NotFound', `pods "${name}" not found`);
    if (method === 'DELETE') this.pods.delete(name);
    if (method === 'PATCH') {
      const status = (body as { status: Record<string, unknown> }).status;
      const kept = Object.entries({ ...pod.status, ...status }).filter(([, value]) => value !== null);
      this.pods.set(name, { ...pod, status: Object.fromEntries(kept) });
    }
    return structuredClone(this.pods.get(name)) as T;
  }

  /** Reasons of the events written so far. */
  reasons(): string[] {
    return this.calls
      .filter((call) => call.path.endsWith('/events'))
      .map((call) => (call.body as { reason: string }).reason);
  }
}
