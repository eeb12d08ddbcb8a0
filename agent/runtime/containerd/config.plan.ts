/** What containerd reads at its start, for one that we run ourselves. */
export interface ContainerdConfigInput {
  /** As `containerd --version` says: `1.6.20`, `v2.1.3`. */
  readonly containerdVersion: string;
  /** Images and snapshots: survives a power cut. */
  readonly rootDir: string;
  /** Sockets and mounts of what runs: on a tmpfs, gone after a power cut. */
  readonly stateDir: string;
  readonly socketPath: string;
  readonly sandboxImage: string;
  readonly cniBinDir: string;
  readonly cniConfDir: string;
  /** Folders `<host>/hosts.toml` of registry mirrors, read for each pull. */
  readonly registryConfigDir: string;
  /** Handler to binary: `{ crun: '/usr/bin/crun', runc: '/usr/sbin/runc' }`. */
  readonly runtimes: Readonly<Record<string, string>>;
  readonly defaultRuntime: string;
  /** True where the process may not lower an oom_score_adj: without CAP_SYS_RESOURCE no container would start. */
  readonly restrictOomScoreAdj: boolean;
  readonly appArmor: boolean;
}

/** Snapshotters and tracing that a board does not have: each costs memory, or an error line at every start. */
const DISABLED = [
  'io.containerd.snapshotter.v1.aufs',
  'io.containerd.snapshotter.v1.blockfile',
  'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.erofs',
  'io.containerd.snapshotter.v1.zfs',
  'io.containerd.internal.v1.opt',
  'io.containerd.internal.v1.tracing',
  'io.containerd.tracing.processor.v1.otlp',
];

/** containerd 1.x reads version 2, 2.x reads version 3, where CRI became three plugins. */
export function planContainerdConfig(input: ContainerdConfigInput): string {
  const two = majorOf(input.containerdVersion) >= 2;
  return [
    `version = ${two ? 3 : 2}`,
    `root = ${toml(input.rootDir)}`,
    `state = ${toml(input.stateDir)}`,
    `disabled_plugins = ${toml(DISABLED)}`,
    ...table('grpc', { address: input.socketPath }),
    ...table('ttrpc', { address: `${input.socketPath}.ttrpc` }),
    ...table('debug', { level: 'warn' }),
    ...(two ? criOfVersion3(input) : criOfVersion2(input)),
    '',
  ].join('\n');
}

function criOfVersion2(input: ContainerdConfigInput): string[] {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return [
    ...table(cri, { ...STREAMING, ...hostOf(input), ...IMAGES, sandbox_image: input.sandboxImage }),
    ...table(`${cri}.cni`, { bin_dir: input.cniBinDir, conf_dir: input.cniConfDir }),
    ...table(`${cri}.registry`, { config_path: input.registryConfigDir }),
    ...runtimesOf(cri, input),
  ];
}

function criOfVersion3(input: ContainerdConfigInput): string[] {
  const images = 'plugins."io.containerd.cri.v1.images"';
  const runtime = 'plugins."io.containerd.cri.v1.runtime"';
  return [
    ...table('plugins."io.containerd.grpc.v1.cri"', STREAMING),
    ...table(images, IMAGES),
    ...table(`${images}.pinned_images`, { sandbox: input.sandboxImage }),
    ...table(`${images}.registry`, { config_path: input.registryConfigDir }),
    ...table(runtime, hostOf(input)),
    ...table(`${runtime}.cni`, { bin_dir: input.cniBinDir, conf_dir: input.cniConfDir }),
    ...runtimesOf(runtime, input),
  ];
}

/** On loopback only: the agent tunnels exec, attach and port-forward from there. */
const STREAMING = { stream_server_address: '127.0.0.1', stream_server_port: '0' };

const IMAGES = {
  /** Walks every snapshot each period, by default each 10 s: for a card too often, and for nobody. */
  stats_collect_period: 3600,
  /** Else a power cut soon after a pull leaves an image of empty files, which nothing would ever pull again. */
  image_pull_with_sync_fs: true,
};

function hostOf(input: ContainerdConfigInput): Record<string, string | boolean> {
  return {
    disable_apparmor: !input.appArmor,
    restrict_oom_score_adj: input.restrictOomScoreAdj,
    netns_mounts_under_state_dir: true,
    // A container that is no root could not open what it was given: as the kubelet's documentation recommends.
    device_ownership_from_security_context: true,
  };
}

function runtimesOf(plugin: string, input: ContainerdConfigInput): string[] {
  const tables = Object.entries(input.runtimes).flatMap(([handler, binary]) => {
    const path = `${plugin}.containerd.runtimes.${toml(handler)}`;
    return [
      ...table(path, { runtime_type: 'io.containerd.runc.v2' }),
      ...table(`${path}.options`, { BinaryName: binary, SystemdCgroup: false }),
    ];
  });
  return [...table(`${plugin}.containerd`, { default_runtime_name: input.defaultRuntime }), ...tables];
}

function majorOf(version: string): number {
  return Number.parseInt(version.replace(/^v/, ''), 10) || 1;
}

function table(name: string, values: Readonly<Record<string, unknown>>): string[] {
  return ['', `[${name}]`, ...Object.entries(values).map(([key, value]) => `${key} = ${toml(value)}`)];
}

/** A JSON string, number, boolean or list of strings is the same in TOML. */
function toml(value: unknown): string {
  return JSON.stringify(value);
}
