/**
 * What an image consists of, as data: packages, partitions, files, units. The stages in `build/` carry it out.
 *
 * One disk, MBR: the Raspberry Pi 3 boots from nothing else, every UEFI takes a FAT of type 0x0C from it, and growing the last
 * partition needs no second header moved. Partition 1 is FAT and for people: `coracle.yaml` goes there. 2 and 3 are the two
 * system slots, squashfs, never written but by an upgrade. 4 is all that the board remembers.
 */
import type { Board } from './boards/board.ts';

export type Role = 'server' | 'agent';

export interface ImageSpec {
  readonly board: Board;
  readonly role: Role;
  readonly version: string;
  /** First four bytes of a hash of what the image is, as hex: how the initrd knows its disk. */
  readonly diskId: string;
  /** What the owner put into `--config`; undefined: an example. */
  readonly config: string | undefined;
}

export interface Partition {
  readonly name: 'boot' | 'a' | 'b' | 'data';
  readonly startMiB: number;
  readonly sizeMiB: number;
  /** MBR type. */
  readonly type: 'c' | '83';
}

/** A file of the boot partition. */
export type BootFile =
  | { readonly to: string; readonly text: string }
  /** Out of the build: the kernel, the initrd, or a device tree's glob. */
  | { readonly to: string; readonly built: 'kernel' | 'initrd' }
  | { readonly to: string; readonly deviceTrees: string }
  /** Out of one of the board's file packages: a glob; `to` ending in `/` or empty keeps the name. */
  | { readonly to: string; readonly packaged: string };

export interface ImagePlan {
  /** `coracle-0.1.0-rpi-server` */
  readonly name: string;
  readonly packages: readonly string[];
  readonly rolePackages: readonly string[];
  readonly partitions: readonly Partition[];
  readonly bootFiles: readonly BootFile[];
  /** Texts in the system, beside those of `rootfs/`. */
  readonly systemFiles: Readonly<Record<string, string>>;
  /** By unit, the target that wants it. All others that packages enable are disabled. */
  readonly enabled: Readonly<Record<string, string>>;
  readonly masked: readonly string[];
}

export const SUITE = 'trixie';

/** The boot partition holds two kernels with their initrds. */
const LAYOUT = [
  { name: 'boot', sizeMiB: 512, type: 'c' },
  { name: 'a', sizeMiB: 512, type: '83' },
  { name: 'b', sizeMiB: 512, type: '83' },
  { name: 'data', sizeMiB: 128, type: '83' },
] as const;
const FIRST_MIB = 4;

const PACKAGES = [
  'systemd-sysv',
  'systemd-timesyncd',
  'systemd-resolved',
  'udev',
  'kmod',
  'dbus',
  'containerd',
  'crun',
  'containernetworking-plugins',
  'haproxy',
  'nftables',
  'iptables',
  'iproute2',
  'conntrack',
  'procps',
  'ca-certificates',
  'tzdata',
  'e2fsprogs',
  'dosfstools',
  'fdisk',
  'nfs-common',
  'openssh-server',
  'wpasupplicant',
  'iw',
  'wireless-regdb',
  // Node's.
  'libstdc++6',
] as const;

const ROLE_PACKAGES: Readonly<Record<Role, readonly string[]>> = {
  server: ['mosquitto'],
  agent: [],
};

const ENABLED: Readonly<Record<string, string>> = {
  'systemd-networkd.service': 'multi-user.target',
  'systemd-networkd.socket': 'sockets.target',
  'systemd-networkd-wait-online.service': 'network-online.target',
  'coracle-resolv.path': 'multi-user.target',
  'coracle-resolv.service': 'multi-user.target',
  'systemd-timesyncd.service': 'sysinit.target',
  'fstrim.timer': 'timers.target',
  'coracle-zram.service': 'sysinit.target',
  'coracle-board.service': 'multi-user.target',
  'coracle-good.service': 'multi-user.target',
};

/** Systemd's own wants of some of these are in /usr: a link to /dev/null is what holds. */
const MASKED = [
  'containerd.service',
  // networkd's state has the name servers, and nobody here speaks D-Bus: see coracle-resolv.path.
  'systemd-resolved.service',
  'systemd-logind.service',
  'dbus.service',
  'dbus.socket',
  'cni-dhcp.service',
  'cni-dhcp.socket',
  'systemd-firstboot.service',
  'rpcbind.service',
  'rpcbind.socket',
  'rpc-statd.service',
  'rpc-statd-notify.service',
  'nfs-client.target',
  'getty@tty1.service',
  'serial-getty@.service',
  'systemd-update-utmp.service',
  'haproxy.service',
  'mosquitto.service',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'e2scrub_reap.service',
  'modprobe@drm.service',
  'ldconfig.service',
  'systemd-hwdb-update.service',
  'systemd-pcrphase.service',
  'systemd-networkd-persistent-storage.service',
  'wpa_supplicant.service',
] as const;

/** The whole image. */
export function planImage(spec: ImageSpec): ImagePlan {
  const { board, role, version } = spec;
  return {
    name: `coracle-${version}-${board.name}-${role}`,
    packages: PACKAGES,
    rolePackages: ROLE_PACKAGES[role],
    partitions: planPartitions(),
    bootFiles: planBootFiles(spec),
    systemFiles: planSystemFiles(spec),
    enabled: ENABLED,
    masked: MASKED,
  };
}

export function planPartitions(): readonly Partition[] {
  let startMiB = FIRST_MIB;
  return LAYOUT.map((partition) => {
    const placed = { ...partition, startMiB };
    startMiB += partition.sizeMiB;
    return placed;
  });
}

/** Input of sfdisk. */
export function partitionTable(partitions: readonly Partition[], diskId: string): string {
  const lines = partitions.map(
    ({ name, startMiB, sizeMiB, type }) =>
      `start=${startMiB}MiB, size=${sizeMiB}MiB, type=${type}${name === 'boot' ? ', bootable' : ''}`,
  );
  return ['label: dos', `label-id: 0x${diskId}`, ...lines, ''].join('\n');
}

/** Of the kernel. The memory controller is off on a Raspberry Pi unless asked for: its firmware says so in the device tree. */
export function kernelArguments(board: Board, diskId: string): string {
  return [
    ...board.consoles.map((console) => `console=${console}`),
    ...(board.bootLoader === 'raspberry-pi' ? ['cgroup_enable=memory', 'cgroup_memory=1'] : []),
    `coracle.disk=${diskId}`,
    'rw',
    'quiet',
    'loglevel=4',
    'panic=10',
  ].join(' ');
}

/** systemd-boot's entry of one of the two kernels; the highest `number` that has tries left boots. */
export function loaderEntry(kernel: 'a' | 'b', number: number, args: string): string {
  return [
    `title Coracle (${kernel})`,
    'sort-key coracle',
    `version ${number}`,
    `linux /${kernel}/vmlinuz`,
    `initrd /${kernel}/initrd.img`,
    `options ${args}`,
    '',
  ].join('\n');
}

/** The Raspberry Pi's firmware reads it; `os_prefix` is where the kernel is. */
export function configTxt(kernel: 'a' | 'b'): string {
  return [
    '# Written by Coracle. If a new kernel does not start, change a to b or b to a here.',
    `os_prefix=${kernel}/`,
    'arm_64bit=1',
    'kernel=vmlinuz',
    'initramfs initrd.img followkernel',
    'upstream_kernel=1',
    'enable_uart=1',
    'os_check=0',
    'gpu_mem=16',
    'disable_splash=1',
    'dtparam=watchdog=on',
    '',
  ].join('\n');
}

function planBootFiles({ board, role, diskId, config }: ImageSpec): readonly BootFile[] {
  const args = `${kernelArguments(board, diskId)} coracle.kernel=a`;
  const kernel: BootFile[] = [
    { to: 'a/vmlinuz', built: 'kernel' },
    { to: 'a/initrd.img', built: 'initrd' },
    ...board.deviceTrees.map((deviceTrees) => ({ to: 'a/', deviceTrees })),
  ];
  const loader: BootFile[] =
    board.bootLoader === 'raspberry-pi'
      ? [
          { to: 'config.txt', text: configTxt('a') },
          // Relative to os_prefix.
          { to: 'a/cmdline.txt', text: `${args}\n` },
        ]
      : [
          { to: 'loader/loader.conf', text: 'timeout 0\ndefault coracle-*\n' },
          { to: 'loader/entries/coracle-a.conf', text: loaderEntry('a', 1, args) },
        ];
  return [
    ...kernel,
    ...loader,
    ...board.bootFiles.map(({ from, to }) => ({ to, packaged: from })),
    { to: 'README.txt', text: README },
    config === undefined
      ? { to: 'coracle.example.yaml', text: exampleConfig(role) }
      : { to: 'coracle.yaml', text: config },
  ];
}

function planSystemFiles({ board, role, version }: ImageSpec): Readonly<Record<string, string>> {
  const pretty = `Coracle ${version}`;
  return {
    'usr/lib/os-release': [
      'NAME=Coracle',
      'ID=coracle',
      'ID_LIKE=debian',
      `VERSION_ID=${version}`,
      `PRETTY_NAME="${pretty}"`,
      `VARIANT="${board.description}, ${role}"`,
      `VARIANT_ID=${board.name}-${role}`,
      '',
    ].join('\n'),
    // What an upgrade must be made for.
    'usr/lib/coracle/board.json': `${JSON.stringify(
      {
        board: board.name,
        arch: board.arch,
        bootLoader: board.bootLoader,
        role,
        version,
      },
      null,
      2,
    )}\n`,
  };
}

const README = [
  'This is the boot partition of a Coracle board.',
  '',
  'coracle.yaml       what the board is to be; see coracle.example.yaml',
  'CORACLE-STATUS.txt what the board last said of itself',
  'CORACLE-ERRORS.txt what is wrong in coracle.yaml, if anything is',
  '',
  'All else here starts the board: leave it as it is.',
  '',
].join('\r\n');

/** What a person finds on the boot partition to begin with. Lines end as Windows likes it. */
export function exampleConfig(role: Role): string {
  return [
    '# Copy to coracle.yaml, change, put the card into the board.',
    '',
    '# The name of the board, as kubectl shows it.',
    `name: ${role === 'server' ? 'kitchen' : 'garage'}`,
    `role: ${role}`,
    '# The same on all boards of a cluster: 6 and 16 lower case letters or digits. Make one of your own.',
    '# token: abcdef.0123456789abcdef',
    ...(role === 'agent' ? ['# Left out: looked for in the local network.', '# server: 192.168.1.10'] : []),
    '',
    '# wifi:',
    '#   ssid: My network',
    '#   password: its password',
    '#   country: DE',
    '# ssh-keys:',
    '#   - ssh-ed25519 AAAA... me@laptop',
    '# time-zone: Europe/Berlin',
    '# network:            # left out: by DHCP',
    '#   address: 192.168.1.20/24',
    '#   gateway: 192.168.1.1',
    '#   dns: [192.168.1.1]',
    '',
  ].join('\r\n');
}
