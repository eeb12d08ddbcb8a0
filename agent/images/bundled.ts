/** The images that came with Coracle, brought onto the board: a home board may have no registry in reach. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Runtime } from '#agent/runtime/runtime.ts';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { importImageArchive } from './archive.ts';
import { syncSnapshots } from './sync-snapshots.ts';

/** By archive: its digest, and the references that were in it. */
type Imported = Record<string, { readonly digest: string; readonly references: readonly string[] }>;

export interface BundledImagesOptions {
  readonly folder: string;
  readonly socketPath: string;
  readonly runtime: Pick<Runtime, 'imageStatus' | 'version'>;
  /** Where the runtime unpacks images; see {@link syncSnapshots}. */
  readonly snapshots: string;
  /** Remembers what was imported. */
  readonly stateFile: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const RETRY_MS = 1_000;

/**
 * {@link importBundledImages}, as often as it takes while the runtime is away: both start when a board does, and either may end
 * in the middle. An archive that can't be imported is told, and keeps nothing else from running.
 */
export async function haveBundledImages(
  options: BundledImagesOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { runtime, clock, log } = options;
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      return await importBundledImages(options);
    } catch (err) {
      const isThere = await runtime.version().then(
        () => true,
        () => false,
      );
      if (isThere && attempt > 0) {
        log.error('the images that came along can not be imported', { err });
        return [];
      }
      if (attempt === 0) log.warn('no runtime to bring images to yet', { err });
      await clock.sleep(RETRY_MS, signal).catch(() => {});
    }
  }
  return [];
}

/** Imports each archive of the folder that is new, has changed, or whose images are gone. Gives the references of all. */
async function importBundledImages(options: BundledImagesOptions): Promise<readonly string[]> {
  const { folder, socketPath, runtime, snapshots, stateFile, clock, log } = options;
  if (!existsSync(folder)) return [];
  const before: Imported = existsSync(stateFile) ? JSON.parse(readFileSync(stateFile, 'utf8')) : {};
  const after: Imported = {};
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.tar'))) {
    const digest = createHash('sha256')
      .update(readFileSync(join(folder, file)))
      .digest('hex');
    const known = before[file];
    if (known?.digest === digest && (await allThere(runtime, known.references))) {
      after[file] = known;
      continue;
    }
    const since = clock.now();
    const references = await importImageArchive(join(folder, file), { socketPath });
    syncSnapshots(snapshots, since);
    log.info('imported images', { file, images: references.join(' ') });
    after[file] = { digest, references };
  }
  if (JSON.stringify(after) !== JSON.stringify(before)) writeFileAtomic(stateFile, JSON.stringify(after));
  return Object.values(after).flatMap(({ references }) => references);
}

async function allThere(
  runtime: BundledImagesOptions['runtime'],
  references: readonly string[],
): Promise<boolean> {
  for (const reference of references) if (!(await runtime.imageStatus(reference))) return false;
  return true;
}
