import {
  ImageServiceService as IMAGES,
  RuntimeServiceService as RUNTIME,
} from '#proto/containerd/generated/cri.ts';
import { isUnified } from '../cgroup/open.ts';
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
import { Connection, type Method } from './connection.ts';
import { subscribe } from './events.ts';
import { fromContainer, fromContainerStatus, fromImage, fromNetworkStatus, fromSandbox } from './from-cri.ts';
import { toContainerConfig, toPodSandboxConfig, toResources } from './to-cri.ts';

const CALL_TIMEOUT_MS = 30_000;
/** Unpacking, CNI and a cold card: what makes or ends a container may be slow on a board. */
const LIFECYCLE_TIMEOUT_MS = 4 * 60_000;
const PULL_TIMEOUT_MS = 60 * 60_000;

/**
 * `Runtime` over CRI on containerd's socket. Holds no state of pods: what it answers is what containerd says. A lost
 * containerd shows as RuntimeError `unavailable`, and the next call dials again.
 */
export class ContainerdRuntime implements Runtime, Disposable {
  readonly #connection: Connection;
  readonly #cgroupV2: boolean;

  constructor(socketPath: string, cgroupV2 = isUnified()) {
    this.#connection = new Connection(socketPath);
    this.#cgroupV2 = cgroupV2;
  }

  async version(): Promise<{ name: string; version: string }> {
    const answer = await this.#call(RUNTIME.version, { version: 'v1' });
    return { name: answer.runtimeName, version: answer.runtimeVersion };
  }

  async status(): Promise<{ runtimeReady: boolean; networkReady: boolean; message: string }> {
    const { status } = await this.#call(RUNTIME.status, {});
    const conditions = status?.conditions ?? [];
    const ready = (type: string): boolean => conditions.find((c) => c.type === type)?.status ?? false;
    const messages = conditions.filter((c) => !c.status).map((c) => `${c.type}: ${c.reason}: ${c.message}`);
    return {
      runtimeReady: ready('RuntimeReady'),
      networkReady: ready('NetworkReady'),
      message: messages.join('; '),
    };
  }

  async runSandbox(config: SandboxConfig): Promise<string> {
    const request = { config: toPodSandboxConfig(config), runtimeHandler: config.runtimeHandler };
    const answer = await this.#call(RUNTIME.runPodSandbox, request, LIFECYCLE_TIMEOUT_MS);
    return answer.podSandboxId;
  }

  async stopSandbox(id: string): Promise<void> {
    await this.#idempotent(this.#call(RUNTIME.stopPodSandbox, { podSandboxId: id }, LIFECYCLE_TIMEOUT_MS));
  }

  async removeSandbox(id: string): Promise<void> {
    await this.#idempotent(this.#call(RUNTIME.removePodSandbox, { podSandboxId: id }, LIFECYCLE_TIMEOUT_MS));
  }

  async createContainer(sandboxId: string, config: ContainerConfig, sandbox: SandboxConfig): Promise<string> {
    const request = {
      podSandboxId: sandboxId,
      config: toContainerConfig(config, sandbox, this.#cgroupV2),
      sandboxConfig: toPodSandboxConfig(sandbox),
    };
    const answer = await this.#call(RUNTIME.createContainer, request, LIFECYCLE_TIMEOUT_MS);
    return answer.containerId;
  }

  async startContainer(id: string): Promise<void> {
    await this.#call(RUNTIME.startContainer, { containerId: id }, LIFECYCLE_TIMEOUT_MS);
  }

  async stopContainer(id: string, graceSeconds: number): Promise<void> {
    const request = { containerId: id, timeout: BigInt(Math.max(0, Math.ceil(graceSeconds))) };
    await this.#idempotent(
      this.#call(RUNTIME.stopContainer, request, graceSeconds * 1000 + LIFECYCLE_TIMEOUT_MS),
    );
  }

  async removeContainer(id: string): Promise<void> {
    await this.#idempotent(this.#call(RUNTIME.removeContainer, { containerId: id }, LIFECYCLE_TIMEOUT_MS));
  }

  async updateResources(id: string, resources: LinuxResources): Promise<void> {
    const request = { containerId: id, linux: toResources(resources, this.#cgroupV2) };
    await this.#call(RUNTIME.updateContainerResources, request);
  }

  async reopenLog(id: string): Promise<void> {
    await this.#call(RUNTIME.reopenContainerLog, { containerId: id });
  }

  async list(): Promise<{ sandboxes: readonly Sandbox[]; containers: readonly Container[] }> {
    // Sandboxes second: the sandbox of a listed container is then among them, unless it was removed meanwhile.
    const { containers } = await this.#call(RUNTIME.listContainers, { filter: undefined });
    const { items } = await this.#call(RUNTIME.listPodSandbox, {});
    return { sandboxes: items.map(fromSandbox), containers: containers.map(fromContainer) };
  }

  async sandboxStatus(id: string): Promise<Sandbox & { ip: string | undefined; ips: readonly string[] }> {
    const { status } = await this.#call(RUNTIME.podSandboxStatus, {
      podSandboxId: id,
    });
    if (!status) throw new RuntimeError('not-found', `sandbox ${id} not found`);
    return { ...fromSandbox(status), ...fromNetworkStatus(status) };
  }

  async containerStatus(id: string): Promise<ContainerState> {
    // The status does not say which sandbox, the list does.
    const [{ status }, { containers }] = await Promise.all([
      this.#call(RUNTIME.containerStatus, { containerId: id }),
      this.#call(RUNTIME.listContainers, { filter: { id } }),
    ]);
    if (!status) throw new RuntimeError('not-found', `container ${id} not found`);
    return fromContainerStatus(status, containers[0]?.podSandboxId ?? '');
  }

  events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    return subscribe(this.#connection, signal);
  }

  async execSync(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult> {
    const request = { containerId: id, cmd: [...command], timeout: BigInt(Math.ceil(timeoutMs / 1000)) };
    // The runtime ends the command in time by itself; our deadline is for a runtime that hangs.
    return this.#call(RUNTIME.execSync, request, timeoutMs + 10_000);
  }

  async execUrl(id: string, options: StreamOptions & { command: readonly string[] }): Promise<string> {
    const { command, ...streams } = options;
    const request = { ...streams, containerId: id, cmd: [...command] };
    const answer = await this.#call(RUNTIME.exec, request);
    return answer.url;
  }

  async attachUrl(id: string, options: StreamOptions): Promise<string> {
    const answer = await this.#call(RUNTIME.attach, {
      ...options,
      containerId: id,
    });
    return answer.url;
  }

  async portForwardUrl(sandboxId: string): Promise<string> {
    const request = { podSandboxId: sandboxId, port: [] };
    const answer = await this.#call(RUNTIME.portForward, request);
    return answer.url;
  }

  async imageStatus(reference: string): Promise<Image | undefined> {
    const { image } = await this.#call(IMAGES.imageStatus, {
      image: { image: reference },
    });
    return image && fromImage(image);
  }

  async pullImage(reference: string, auth?: ImageAuth): Promise<string> {
    const request = {
      image: { image: reference },
      auth: auth && {
        username: auth.username,
        password: auth.password,
        serverAddress: auth.serverAddress ?? '',
        identityToken: auth.identityToken ?? '',
      },
      sandboxConfig: undefined,
    };
    const answer = await this.#call(IMAGES.pullImage, request, PULL_TIMEOUT_MS);
    return answer.imageRef;
  }

  async listImages(): Promise<readonly Image[]> {
    const { images } = await this.#call(IMAGES.listImages, {});
    return images.map(fromImage);
  }

  async removeImage(idOrReference: string): Promise<void> {
    await this.#idempotent(
      this.#call(IMAGES.removeImage, { image: { image: idOrReference } }, LIFECYCLE_TIMEOUT_MS),
    );
  }

  async imageFsInfo(): Promise<{ mountpoint: string; usedBytes: number; inodesUsed: number }> {
    const { imageFilesystems } = await this.#call(IMAGES.imageFsInfo, {});
    const first = imageFilesystems[0];
    return {
      mountpoint: first?.fsId?.mountpoint ?? '',
      usedBytes: Number(first?.usedBytes?.value ?? 0n),
      inodesUsed: Number(first?.inodesUsed?.value ?? 0n),
    };
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }

  #call<Request, Answer>(
    method: Method<Request, Answer>,
    request: Request,
    timeoutMs = CALL_TIMEOUT_MS,
  ): Promise<Answer> {
    return this.#connection.call(method, request, timeoutMs);
  }

  /** What is already gone is well gone. */
  async #idempotent(call: Promise<unknown>): Promise<void> {
    try {
      await call;
    } catch (err) {
      if (!(err instanceof RuntimeError && err.kind === 'not-found')) throw err;
    }
  }
}
