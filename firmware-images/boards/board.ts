/** What an image differs in from one kind of board to the next. Data only: one file a board. */
export interface Board {
  readonly name: string;
  /** For people, beside the name. */
  readonly description: string;
  /** As Debian calls it. */
  readonly arch: 'amd64' | 'arm64';
  /** What starts the kernel: it decides how a kernel is replaced, and whether it can be rolled back. */
  readonly bootLoader: 'systemd-boot' | 'raspberry-pi';
  /** The kernel's metapackage; `suite` where the stable one lacks drivers. */
  readonly kernel: { readonly package: string; readonly suite?: string };
  /** Packages that are unpacked for their files only: firmware and boot loaders. */
  readonly filePackages: readonly string[];
  /** Consoles of the kernel; the last one is where the system's messages go. */
  readonly consoles: readonly string[];
  /** Below `usr/lib/modules/VERSION/kernel`: what the initrd needs to find its disk. */
  readonly initrdModules: readonly string[];
  /** Below `usr/lib/modules/VERSION/kernel`: drivers of hardware that such a board can't have. */
  readonly droppedModules: readonly string[];
  /** Device trees on the boot partition, as globs below the kernel's folder of them. */
  readonly deviceTrees: readonly string[];
  /** Files of {@link filePackages} that go onto the boot partition: `from` is a glob of a package's file. */
  readonly bootFiles: readonly { readonly from: string; readonly to: string }[];
  /** Files of {@link filePackages} that go into the system, as globs; kept where they are. */
  readonly systemFiles: readonly string[];
}

/** What every disk of a board may hang on, whatever the board. */
export const COMMON_INITRD_MODULES = [
  'drivers/virtio',
  'drivers/block/virtio_blk',
  'drivers/block/loop',
  'drivers/nvme',
  'drivers/mmc',
  'drivers/usb/host',
  'drivers/usb/storage',
  'drivers/usb/core',
  'drivers/usb/common',
  'drivers/scsi/sd_mod',
  'drivers/scsi/scsi_mod',
  'drivers/scsi/scsi_common',
  'drivers/scsi/virtio_scsi',
  // What the ones below stand on.
  'drivers/watchdog/watchdog',
  'drivers/watchdog/i6300esb',
  // Where a board has none of its own: for a system on trial.
  'drivers/watchdog/softdog',
  'drivers/char/hw_random/virtio-rng',
  'fs/ext4',
  'fs/jbd2',
  'fs/mbcache',
  'fs/squashfs',
  'fs/overlayfs',
  'fs/fat',
  'fs/nls/nls_ascii',
  'fs/nls/nls_cp437',
  'fs/nls/nls_iso8859-1',
  'lib',
  'crypto',
] as const;

/** Screens, sound, cameras, and what stands in data centres. */
export const COMMON_DROPPED_MODULES = [
  'sound',
  'drivers/gpu',
  'drivers/media',
  'drivers/video',
  'drivers/infiniband',
  'drivers/isdn',
  'drivers/comedi',
  'drivers/staging',
  'drivers/target',
  'drivers/fpga',
  'drivers/accel',
  'drivers/net/arcnet',
  'drivers/net/hamradio',
  'drivers/net/fddi',
  ...['mellanox', 'qlogic', 'chelsio', 'netronome', 'sfc', 'cavium', 'brocade', 'emulex', 'huawei'].map(
    (vendor) => `drivers/net/ethernet/${vendor}`,
  ),
  ...['qla2xxx', 'qla4xxx', 'lpfc', 'mpt3sas', 'megaraid', 'aic7xxx', 'aic94xx', 'bfa', 'qedi', 'qedf'].map(
    (name) => `drivers/scsi/${name}`,
  ),
  ...['cxgbi', 'fnic', 'smartpqi', 'mpi3mr', 'bnx2fc', 'bnx2i', 'be2iscsi', 'csiostor', 'pm8001', 'isci'].map(
    (name) => `drivers/scsi/${name}`,
  ),
  ...['ocfs2', 'gfs2', 'ceph', 'afs', 'coda', 'jfs', 'reiserfs', 'hfs', 'hfsplus', 'ubifs', 'jffs2'].map(
    (name) => `fs/${name}`,
  ),
  ...['orangefs', 'dlm', 'bcachefs', 'nilfs2', 'zonefs', 'xfs', 'btrfs'].map((name) => `fs/${name}`),
] as const;
