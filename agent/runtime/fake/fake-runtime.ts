import { type Clock, systemClock } from '#proto/meta/clock.ts';
import {
  type Container,
  type ContainerConfig,
  type ContainerState,
  type ExecResult,
  type Image,
  type ImageAuth,
  type LinuxResources,
  type Runtime,
  RuntimeError,
  type RuntimeEvent,
  type Sandbox,
  type SandboxConfig,
  type StreamOptions,
} from '../runtime.ts';
import { EventHub } from './event-hub.ts';
import { type Behaviour, behaviourOf } from './program.ts';

type FakeSandbox = { sandbox: Sandbox; config: SandboxConfig; ip: string | undefined };
type FakeContainer = { state: ContainerState; config: ContainerConfig; resources: LinuxResources };

/**
 * A runtime in memory that a test controls: containers run until `exit`, `oom` or `reboot`, or as their command says
 * where `program.ts` understands it; images are local, pullable or failing; `down` takes the runtime away.
 */
export class FakeRuntime implements Runtime {
  readonly sandboxes = new Map<string, FakeSandbox>();
  readonly containers = new Map<string, FakeContainer>();
  /** Present on the board. */
  readonly images = new Map<string, Image>();
  /** What a registry would give, or the error that it answers with. */
  readonly registry = new Map<string, Image | RuntimeError>();
  /** Every call that changes something, as `startContainer main`, in order. */
  readonly calls: string[] = [];
  /** What a command inside a container answers. */
  exec: (containerId: string, command: readonly string[]) => Promise<ExecResult> = async () => ({
    exitCode: 0,
    stdout: new Uint8Array(),
    stderr: new Uint8Array(),
  });
  /** What containers do by themselves; set it for programs of a test's own. */
  behaviour: (config: ContainerConfig) => Behaviour = behaviourOf;
  down = false;
  networkReady = true;

  readonly #clock: Clock;
  readonly #events = new EventHub<RuntimeEvent>();
  #nextId = 1;
  #nextAddress = 2;

  constructor(options: { clock?: Clock; images?: readonly string[] } = {}) {
    this.#clock = options.clock ?? systemClock;
    for (const reference of options.images ?? []) this.addImage(reference);
  }

  // ---- what a test does to the runtime

  /** Puts an image on the board. */
  addImage(reference: string, extra: Partial<Image> = {}): Image {
    const image: Image = {
      id: `sha256:${reference}`,
      tags: [reference],
      digests: [],
      sizeBytes: 1_000_000,
      uid: undefined,
      username: '',
      pinned: false,
      ...extra,
    };
    this.images.set(reference, image);
    return image;
  }

  exit(containerId: string, exitCode: number, reason = exitCode === 0 ? 'Completed' : 'Error'): void {
    const container = this.#container(containerId);
    if (container.state.state === 'exited') return;
    const finishedAtMs = this.#clock.now();
    container.state = { ...container.state, state: 'exited', exitCode, reason, finishedAtMs };
    this.#events.publish({ type: 'exited', containerId, exitCode, atMs: finishedAtMs });
  }

  oom(containerId: string): void {
    this.#events.publish({ type: 'oom', containerId });
    this.exit(containerId, 137, 'OOMKilled');
  }

  /** As after a power cut: nothing runs, everything is remembered. */
  reboot(): void {
    this.disconnect();
    for (const item of this.sandboxes.values()) {
      item.sandbox = { ...item.sandbox, ready: false };
      item.ip = undefined;
    }
    for (const item of this.containers.values()) {
      if (item.state.state !== 'running') continue;
      const finishedAtMs = this.#clock.now();
      item.state = { ...item.state, state: 'exited', exitCode: 255, reason: 'Unknown', finishedAtMs };
    }
  }

  /** Ends every event stream, as a restart of the runtime does. */
  disconnect(): void {
    this.#events.fail(new RuntimeError('unavailable', 'the container runtime ended its event stream'));
  }

  /** The id of the newest container of that name. */
  containerId(name: string): string {
    const found = [...this.containers.values()].filter((c) => c.state.name === name).at(-1);
    if (!found) throw new Error(`the fake runtime has no container ${name}`);
    return found.state.id;
  }

  // ---- Runtime

  async version(): Promise<{ name: string; version: string }> {
    this.#up();
    return { name: 'fake', version: '1.0.0' };
  }

  async status(): Promise<{ runtimeReady: boolean; networkReady: boolean; message: string }> {
    this.#up();
    const { networkReady } = this;
    const message = networkReady ? '' : 'NetworkReady: NetworkPluginNotReady: cni plugin not initialized';
    return { runtimeReady: true, networkReady, message };
  }

  async runSandbox(config: SandboxConfig): Promise<string> {
    this.#changes(`runSandbox ${config.name}`);
    const id = this.#id('sandbox');
    const { name, namespace, uid, attempt, labels, annotations } = config;
    const createdAtMs = this.#clock.now();
    const sandbox = { id, name, namespace, uid, attempt, ready: true, createdAtMs, labels, annotations };
    const ip = config.namespaces.network === 'node' ? undefined : `10.42.0.${this.#nextAddress++}`;
    this.sandboxes.set(id, { sandbox, config, ip });
    this.#events.publish({ type: 'started', containerId: id });
    return id;
  }

  async stopSandbox(id: string): Promise<void> {
    this.#changes(`stopSandbox ${this.sandboxes.get(id)?.sandbox.name ?? id}`);
    const item = this.sandboxes.get(id);
    if (!item) return;
    for (const container of this.containers.values()) {
      if (container.state.sandboxId === id && container.state.state === 'running')
        this.exit(container.state.id, 137);
    }
    if (item.sandbox.ready) {
      this.#events.publish({ type: 'exited', containerId: id, exitCode: 0, atMs: this.#clock.now() });
    }
    item.sandbox = { ...item.sandbox, ready: false };
    item.ip = undefined;
  }

  async removeSandbox(id: string): Promise<void> {
    if (this.sandboxes.has(id)) await this.stopSandbox(id);
    this.#changes(`removeSandbox ${this.sandboxes.get(id)?.sandbox.name ?? id}`);
    this.sandboxes.delete(id);
    for (const container of [...this.containers.values()]) {
      if (container.state.sandboxId === id) this.containers.delete(container.state.id);
    }
  }

  async createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    this.#changes(`createContainer ${config.name}`);
    const item = this.sandboxes.get(sandboxId);
    if (!item) throw new RuntimeError('not-found', `sandbox ${sandboxId} not found`);
    if (!item.sandbox.ready)
      throw new RuntimeError('other', `sandbox container "${sandboxId}" is not running`);
    const image = await this.imageStatus(config.image);
    if (!image) throw new RuntimeError('not-found', `image "${config.image}": not found`);
    const id = this.#id('container');
    const state: ContainerState = {
      id,
      sandboxId,
      name: config.name,
      attempt: config.attempt,
      state: 'created',
      imageRef: image.id,
      createdAtMs: this.#clock.now(),
      labels: config.labels,
      annotations: config.annotations,
      startedAtMs: undefined,
      finishedAtMs: undefined,
      exitCode: 0,
      reason: '',
      message: '',
      image: config.image,
    };
    this.containers.set(id, { state, config, resources: config.resources });
    return id;
  }

  async startContainer(id: string): Promise<void> {
    const container = this.#container(id);
    this.#changes(`startContainer ${container.state.name}`);
    if (container.state.state !== 'created') {
      throw new RuntimeError('other', `container "${id}" is in ${container.state.state} state`);
    }
    const does = this.behaviour(container.config);
    if (does.type === 'start-error') {
      const { message } = does;
      const now = this.#clock.now();
      container.state = { ...container.state, state: 'exited', exitCode: 128, reason: 'StartError', message };
      container.state = { ...container.state, startedAtMs: 0, finishedAtMs: now };
      throw new RuntimeError('other', message);
    }
    container.state = { ...container.state, state: 'running', startedAtMs: this.#clock.now() };
    this.#events.publish({ type: 'started', containerId: id });
    if (does.type === 'exit') {
      void this.#clock.sleep(does.afterMs).then(() => {
        if (this.containers.get(id)?.state.state === 'running') this.exit(id, does.exitCode);
      });
    }
  }

  async stopContainer(id: string, graceSeconds: number): Promise<void> {
    const container = this.containers.get(id);
    this.#changes(`stopContainer ${container?.state.name ?? id} ${graceSeconds}`);
    if (container?.state.state !== 'running') return;
    if (this.behaviour(container.config).ignoresTerm) {
      await this.#clock.sleep(graceSeconds * 1000);
      this.exit(id, 137);
    } else this.exit(id, 143);
  }

  async removeContainer(id: string): Promise<void> {
    this.#changes(`removeContainer ${this.containers.get(id)?.state.name ?? id}`);
    if (this.containers.get(id)?.state.state === 'running') this.exit(id, 137);
    this.containers.delete(id);
  }

  async updateResources(id: string, resources: LinuxResources): Promise<void> {
    const container = this.#container(id);
    this.#changes(`updateResources ${container.state.name}`);
    container.resources = resources;
  }

  async reopenLog(id: string): Promise<void> {
    this.#changes(`reopenLog ${this.#container(id).state.name}`);
  }

  async list(): Promise<{ sandboxes: readonly Sandbox[]; containers: readonly Container[] }> {
    this.#up();
    return {
      sandboxes: [...this.sandboxes.values()].map(({ sandbox }) => sandbox),
      containers: [...this.containers.values()].map(({ state }) => state),
    };
  }

  async sandboxStatus(id: string): Promise<Sandbox & { ip: string | undefined; ips: readonly string[] }> {
    this.#up();
    const item = this.sandboxes.get(id);
    if (!item) throw new RuntimeError('not-found', `sandbox ${id} not found`);
    return { ...item.sandbox, ip: item.ip, ips: item.ip === undefined ? [] : [item.ip] };
  }

  async containerStatus(id: string): Promise<ContainerState> {
    this.#up();
    return this.#container(id).state;
  }

  events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    this.#up();
    return this.#events.subscribe(signal);
  }

  async execSync(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult> {
    const container = this.#container(id);
    this.#up();
    if (container.state.state !== 'running') {
      throw new RuntimeError('other', `container is in ${container.state.state} state`);
    }
    const deadline = this.#clock.sleep(timeoutMs).then(() => {
      throw new RuntimeError(
        'timeout',
        'rpc error: code = DeadlineExceeded desc = context deadline exceeded',
      );
    });
    return Promise.race([this.exec(id, command), deadline]);
  }

  async execUrl(id: string, _options: StreamOptions & { command: readonly string[] }): Promise<string> {
    return `http://127.0.0.1:1/exec/${this.#container(id).state.id}`;
  }

  async attachUrl(id: string, _options: StreamOptions): Promise<string> {
    return `http://127.0.0.1:1/attach/${this.#container(id).state.id}`;
  }

  async portForwardUrl(sandboxId: string): Promise<string> {
    this.#up();
    return `http://127.0.0.1:1/portforward/${sandboxId}`;
  }

  async imageStatus(reference: string): Promise<Image | undefined> {
    this.#up();
    return this.images.get(reference) ?? [...this.images.values()].find((image) => image.id === reference);
  }

  async pullImage(reference: string, _auth?: ImageAuth): Promise<string> {
    this.#changes(`pullImage ${reference}`);
    const found = this.registry.get(reference);
    if (found instanceof RuntimeError) throw found;
    if (!found) {
      throw new RuntimeError(
        'not-found',
        `rpc error: code = NotFound desc = failed to pull and unpack image "${reference}": not found`,
      );
    }
    this.images.set(reference, found);
    return found.id;
  }

  async listImages(): Promise<readonly Image[]> {
    this.#up();
    return [...this.images.values()];
  }

  async removeImage(idOrReference: string): Promise<void> {
    this.#changes(`removeImage ${idOrReference}`);
    const id = (await this.imageStatus(idOrReference))?.id;
    for (const [reference, image] of [...this.images]) if (image.id === id) this.images.delete(reference);
  }

  async imageFsInfo(): Promise<{ mountpoint: string; usedBytes: number; inodesUsed: number }> {
    this.#up();
    const usedBytes = [...this.images.values()].reduce((sum, image) => sum + image.sizeBytes, 0);
    return { mountpoint: '/', usedBytes, inodesUsed: 10 * this.images.size };
  }

  #changes(call: string): void {
    this.#up();
    this.calls.push(call);
  }

  #up(): void {
    if (this.down)
      throw new RuntimeError('unavailable', 'rpc error: code = Unavailable desc = connection refused');
  }

  #container(id: string): FakeContainer {
    const container = this.containers.get(id);
    if (!container) throw new RuntimeError('not-found', `container "${id}" not found`);
    return container;
  }

  #id(kind: string): string {
    return `${kind}-${this.#nextId++}`;
  }
}
