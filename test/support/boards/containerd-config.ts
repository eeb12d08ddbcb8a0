import { existsSync } from 'node:fs';

/** Debian's and the usual places, in the order in which a board would prefer them. */
const RUNTIMES = [
  { name: 'crun', paths: ['/usr/bin/crun'] },
  { name: 'runc', paths: ['/usr/sbin/runc', '/usr/bin/runc'] },
] as const;

/** `/etc/containerd/config.toml` of a virtual board, for a containerd that the board's init starts. */
export function containerdConfig(): string {
  const runtimes = RUNTIMES.flatMap(({ name, paths }) => {
    const path = paths.find((path) => existsSync(path));
    return path ? [{ name, path }] : [];
  });
  const [preferred] = runtimes;
  if (!preferred) throw new Error('neither crun nor runc is installed');
  const cri = '[plugins."io.containerd.grpc.v1.cri"';
  return `version = 2
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing",
  "io.containerd.tracing.processor.v1.otlp",
]
${cri}]
  sandbox_image = "coracle.local/pause:1"
  disable_apparmor = true
  # A machine without CAP_SYS_RESOURCE may not lower an oom_score_adj.
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  ${cri}.cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
  ${cri}.registry]
    config_path = "/etc/containerd/certs.d"
  ${cri}.containerd]
    default_runtime_name = "${preferred.name}"
${runtimes
  .map(
    ({ name, path }) => `    ${cri}.containerd.runtimes.${name}]
      runtime_type = "io.containerd.runc.v2"
      ${cri}.containerd.runtimes.${name}.options]
        BinaryName = "${path}"
        SystemdCgroup = false
`,
  )
  .join('')}`;
}

/** A pod network of the board's own, for tests without an agent (an agent writes its own). */
export function bridgeNetwork(subnet: string): string {
  return JSON.stringify({
    cniVersion: '0.4.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        isDefaultGateway: true,
        hairpinMode: true,
        ipMasq: false,
        ipam: { type: 'host-local', dataDir: '/var/lib/cni/networks', ranges: [[{ subnet }]] },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  });
}
