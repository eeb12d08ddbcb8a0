/**
 * The container runtime as the agent sees it: sandboxes, containers, images, events. One driver speaks CRI to
 * containerd, one is a fake for units; `runtime.case.ts` holds both to the same behaviour.
 * Errors: `RuntimeError` with a `kind` that callers may branch on.
 */
export interface Runtime {
  version(): Promise<{ name: string; version: string }>;
  /** Ready when the runtime answers and its pod network is set up; the message says what is missing. */
  status(): Promise<{ runtimeReady: boolean; networkReady: boolean; message: string }>;

  runSandbox(config: SandboxConfig): Promise<string>;
  /** Idempotent; gives the pod address back. */
  stopSandbox(id: string): Promise<void>;
  removeSandbox(id: string): Promise<void>;

  createContainer(sandboxId: string, config: ContainerConfig, sandbox: SandboxConfig): Promise<string>;
  startContainer(id: string): Promise<void>;
  /** Idempotent. SIGTERM (or the image's signal), then SIGKILL after `graceSeconds`. Resolves when it is dead. */
  stopContainer(id: string, graceSeconds: number): Promise<void>;
  removeContainer(id: string): Promise<void>;
  /** A zero leaves what it stands for as it was: limits are moved or added, never taken away. */
  updateResources(id: string, resources: LinuxResources): Promise<void>;
  reopenLog(id: string): Promise<void>;

  /** Everything that the runtime knows of pods: cheap, for the relist. */
  list(): Promise<{ sandboxes: readonly Sandbox[]; containers: readonly Container[] }>;
  sandboxStatus(id: string): Promise<Sandbox & { ip: string | undefined; ips: readonly string[] }>;
  containerStatus(id: string): Promise<ContainerState>;
  /** Lifecycle as it happens; ends (throws) when the runtime goes away. */
  events(signal: AbortSignal): AsyncIterable<RuntimeEvent>;

  execSync(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult>;
  /** URL of the runtime's own streaming server, good once and for a minute. */
  execUrl(id: string, options: StreamOptions & { command: readonly string[] }): Promise<string>;
  attachUrl(id: string, options: StreamOptions): Promise<string>;
  portForwardUrl(sandboxId: string): Promise<string>;

  imageStatus(reference: string): Promise<Image | undefined>;
  pullImage(reference: string, auth?: ImageAuth): Promise<string>;
  listImages(): Promise<readonly Image[]>;
  /** Removes every tag of that image. */
  removeImage(idOrReference: string): Promise<void>;
  imageFsInfo(): Promise<{ mountpoint: string; usedBytes: number; inodesUsed: number }>;
}

export class RuntimeError extends Error {
  readonly kind: 'not-found' | 'unavailable' | 'timeout' | 'already-exists' | 'other';
  constructor(kind: RuntimeError['kind'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'RuntimeError';
    this.kind = kind;
  }
}

export type NamespaceMode = 'pod' | 'container' | 'node';

export interface SandboxConfig {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly attempt: number;
  readonly hostname: string;
  readonly logDirectory: string;
  readonly dns: {
    readonly servers: readonly string[];
    readonly searches: readonly string[];
    readonly options: readonly string[];
  };
  readonly portMappings: readonly {
    readonly protocol: 'TCP' | 'UDP' | 'SCTP';
    readonly containerPort: number;
    readonly hostPort: number;
    readonly hostIp: string;
  }[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Absolute below the cgroup root: `/kubepods/burstable/pod<uid>`. */
  readonly cgroupParent: string;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly namespaces: {
    readonly network: 'pod' | 'node';
    readonly pid: NamespaceMode;
    readonly ipc: 'pod' | 'node';
  };
  readonly privileged: boolean;
  readonly seccomp: SeccompProfile;
  readonly runAsUser?: number | undefined;
  readonly runAsGroup?: number | undefined;
  readonly supplementalGroups: readonly number[];
  /** RuntimeClass handler; '' is the runtime's default. */
  readonly runtimeHandler: string;
}

export type SeccompProfile =
  | { readonly type: 'RuntimeDefault' | 'Unconfined' }
  | { readonly type: 'Localhost'; readonly path: string };

export interface LinuxResources {
  /** Relative CPU weight, 2…262144 (cgroup v1 `cpu.shares`). */
  readonly cpuShares: number;
  /** Microseconds a period; 0 = no limit. */
  readonly cpuQuotaUs: number;
  readonly cpuPeriodUs: number;
  /** 0 = no limit. */
  readonly memoryLimitBytes: number;
  readonly oomScoreAdj: number;
}

export interface Mount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly readOnly: boolean;
  readonly propagation: 'private' | 'host-to-container' | 'bidirectional';
}

export interface ContainerConfig {
  readonly name: string;
  readonly attempt: number;
  /** The image's id or reference, present on the board. */
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly workingDir: string;
  readonly envs: readonly { readonly key: string; readonly value: string }[];
  readonly mounts: readonly Mount[];
  readonly devices: readonly {
    readonly hostPath: string;
    readonly containerPath: string;
    readonly permissions: string;
  }[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Below the sandbox's log directory: `<container>/<attempt>.log`. */
  readonly logPath: string;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  readonly resources: LinuxResources;
  readonly security: {
    readonly privileged: boolean;
    readonly addCapabilities: readonly string[];
    readonly dropCapabilities: readonly string[];
    readonly readOnlyRootfs: boolean;
    readonly noNewPrivileges: boolean;
    readonly runAsUser?: number | undefined;
    readonly runAsGroup?: number | undefined;
    readonly supplementalGroups: readonly number[];
    readonly seccomp: SeccompProfile;
    /** `ProcMount: Unmasked` empties both lists of the runtime's default. */
    readonly unmaskedProc: boolean;
    readonly targetPidContainer?: string | undefined;
  };
}

export interface Sandbox {
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly attempt: number;
  readonly ready: boolean;
  /** Epoch milliseconds. */
  readonly createdAtMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Container {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  readonly attempt: number;
  readonly state: 'created' | 'running' | 'exited' | 'unknown';
  readonly imageRef: string;
  readonly createdAtMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ContainerState extends Container {
  /** Epoch milliseconds; undefined before start and before exit. */
  readonly startedAtMs: number | undefined;
  readonly finishedAtMs: number | undefined;
  readonly exitCode: number;
  /** `Completed`, `Error`, `OOMKilled`, `StartError`. */
  readonly reason: string;
  readonly message: string;
  readonly image: string;
}

export type RuntimeEvent =
  | { readonly type: 'started' | 'oom'; readonly containerId: string }
  | {
      readonly type: 'exited';
      readonly containerId: string;
      readonly exitCode: number;
      readonly atMs: number;
    };

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

export interface StreamOptions {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export interface Image {
  readonly id: string;
  readonly tags: readonly string[];
  readonly digests: readonly string[];
  readonly sizeBytes: number;
  /** The image's user where numeric; undefined for a name or none. */
  readonly uid: number | undefined;
  readonly username: string;
  /** The runtime itself needs it. */
  readonly pinned: boolean;
}

export interface ImageAuth {
  readonly username: string;
  readonly password: string;
  readonly serverAddress?: string;
  readonly identityToken?: string;
}
