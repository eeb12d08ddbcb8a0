import { access, constants, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  type CardSample,
  parseBlockStat,
  parseEndOfLife,
  parseLifeTime,
  smoothedWriteMs,
  type WriteCounters,
} from './card.plan.ts';
import { readIfThere } from './read-file.ts';

/** What changes over months is read each so many samples. */
const SLOW_EVERY = 30;

/** Looks at the disk under a path: three small files with each sample, nothing that makes the disk itself work. */
export class CardReader {
  readonly #path: string;
  /** Of /sys: of the partition, and of the disk that it is on; undefined where there is none. */
  #folders: { readonly partition: string; readonly disk: string } | undefined;
  #reads = 0;
  #counters: WriteCounters | undefined;
  #writeMs: number | undefined;
  #slow: Pick<CardSample, 'errors' | 'lifeUsedPercent' | 'isEndOfLife'> = {
    ...{ errors: 0, lifeUsedPercent: undefined, isEndOfLife: false },
  };

  constructor(path: string) {
    this.#path = path;
  }

  async read(): Promise<CardSample> {
    if (this.#reads === 0) this.#folders = await diskOf(this.#path);
    const folders = this.#folders;
    if (folders && this.#reads % SLOW_EVERY === 0) this.#slow = await readSlow(folders);
    this.#reads++;
    const counters = folders && parseBlockStat(await readIfThere(join(folders.disk, 'stat')));
    this.#writeMs = smoothedWriteMs(this.#counters, counters, this.#writeMs);
    this.#counters = counters;
    return { writeMs: this.#writeMs, ...this.#slow, isReadOnly: await isReadOnly(this.#path) };
  }
}

async function diskOf(path: string): Promise<{ partition: string; disk: string } | undefined> {
  const stats = await stat(path).catch(() => undefined);
  if (!stats) return undefined;
  // As the kernel packs a device number for user space.
  const major = (stats.dev >>> 8) & 0xfff;
  const minor = (stats.dev & 0xff) | ((stats.dev >>> 12) & 0xfff00);
  const partition = await realpath(`/sys/dev/block/${major}:${minor}`).catch(() => undefined);
  if (partition === undefined) return undefined;
  const isPartition = (await readIfThere(join(partition, 'partition'))) !== '';
  return { partition, disk: isPartition ? dirname(partition) : partition };
}

async function readSlow({ partition, disk }: { partition: string; disk: string }) {
  const [errors, life, endOfLife] = await Promise.all([
    readIfThere(`/sys/fs/ext4/${basename(partition)}/errors_count`),
    readIfThere(join(disk, 'device/life_time')),
    readIfThere(join(disk, 'device/pre_eol_info')),
  ]);
  return {
    errors: Number(errors.trim()) || 0,
    lifeUsedPercent: parseLifeTime(life),
    isEndOfLife: parseEndOfLife(endOfLife),
  };
}

/** The kernel makes a file system read-only when it has met what it cannot mend: nobody may write then, not even root. */
async function isReadOnly(path: string): Promise<boolean> {
  try {
    await access(path, constants.W_OK);
    return false;
  } catch (err) {
    return (err as NodeJS.ErrnoException).code === 'EROFS';
  }
}
