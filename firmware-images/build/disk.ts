/** Puts partitions together into one file, with no loop device and nothing mounted. */
import { copyFile, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { BootFile, ImagePlan, Partition } from '#firmware/image.plan.ts';
import { partitionTable } from '#firmware/image.plan.ts';
import type { Cache } from './cache.ts';
import { type Kernel, matches } from './kernel.ts';
import { run, shell } from './run.ts';

export interface DiskOptions {
  readonly plan: ImagePlan;
  readonly diskId: string;
  readonly system: string;
  readonly kernel: Kernel;
  readonly initrd: string;
  readonly files: string;
  readonly epoch: number;
  readonly cache: Cache;
  /** The image, not compressed. */
  readonly output: string;
}

const MIB = 1024 * 1024;

const FAT_SCRIPT = `
find "$1" -print0 | xargs -0 touch -h -d "@$5"
truncate -s "$3M" "$2"
mkfs.vfat -F 32 -n CORACLE -i "$4" --invariant "$2" >/dev/null
cd "$1"
# The image's folder stands last.
find . -mindepth 1 -maxdepth 1 | LC_ALL=C sort | xargs -d '\\n' sh -c 'mcopy -i "$0" -s -Q -m "$@" ::/' "$2"
`;
/** Blocks of 4 KiB, whatever the size now: it grows to that of a card. */
const EXT4_SCRIPT = `
truncate -s "$2M" "$1"
mke2fs -q -t ext4 -T default -b 4096 -L CORACLEDATA -m 1 -U "$3" -E lazy_itable_init=1,lazy_journal_init=1,nodiscard,hash_seed="$3" "$1"
`;

export async function assembleDisk(options: DiskOptions): Promise<void> {
  const { plan, diskId, system, epoch, cache, output } = options;
  const scratch = await mkdtemp(join(cache.folder, '.disk-'));
  const env = { SOURCE_DATE_EPOCH: String(epoch), E2FSPROGS_FAKE_TIME: String(epoch), TZ: 'UTC' };
  const [boot, slot, , data] = plan.partitions;
  if (!boot || !slot || !data) throw new Error('the plan has too few partitions');
  try {
    const fat = join(scratch, 'boot.img');
    const ext4 = join(scratch, 'data.img');
    const tree = join(scratch, 'boot');
    await mkdir(tree);
    for (const file of plan.bootFiles) await placeBootFile(file, tree, options);
    await shell(FAT_SCRIPT, [tree, fat, String(boot.sizeMiB), diskId, String(epoch)], { env });
    const uuid = `${diskId}-0000-4000-8000-${diskId}0000`;
    await shell(EXT4_SCRIPT, [ext4, String(data.sizeMiB), uuid], { env });
    const { size } = await stat(system);
    if (size > slot.sizeMiB * MIB)
      throw new Error(`the system is ${Math.ceil(size / MIB)} MiB, a slot has ${slot.sizeMiB}`);
    await rm(output, { force: true });
    await run('truncate', ['-s', `${data.startMiB + data.sizeMiB}M`, output]);
    await run('sfdisk', ['-q', output], { input: partitionTable(plan.partitions, diskId) });
    await writePartition(fat, boot, output);
    await writePartition(system, slot, output);
    await writePartition(ext4, data, output);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function placeBootFile(file: BootFile, tree: string, options: DiskOptions): Promise<void> {
  const { kernel, initrd, files } = options;
  const place = async (from: string): Promise<void> => {
    const to =
      file.to === '' || file.to.endsWith('/') ? join(tree, file.to, basename(from)) : join(tree, file.to);
    await mkdir(dirname(to), { recursive: true });
    await copyFile(from, to);
  };
  if ('text' in file) {
    const to = join(tree, file.to);
    await mkdir(dirname(to), { recursive: true });
    await writeFile(to, file.text);
  } else if ('built' in file) await place(file.built === 'kernel' ? kernel.image : initrd);
  else if ('packaged' in file)
    for (const path of await matches(files, file.packaged)) await place(join(files, path));
  else {
    if (!kernel.deviceTrees) throw new Error('this kernel comes without device trees');
    for (const path of await matches(join(kernel.deviceTrees, 'broadcom'), file.deviceTrees))
      await place(join(kernel.deviceTrees, 'broadcom', path));
  }
}

const writePartition = (from: string, { startMiB }: Partition, disk: string): Promise<string> =>
  run('dd', [`if=${from}`, `of=${disk}`, 'bs=1M', `seek=${startMiB}`, 'conv=notrunc,sparse', 'status=none']);
