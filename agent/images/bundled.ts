/** The images that came with Coracle, brought onto the board: a home board may have no registry in reach. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Runtime } from '#agent/runtime/runtime.ts';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';
import type { Logger } from '#proto/meta/log.ts';
import { importImageArchive } from './archive.ts';

/** By archive: its digest, and the references that were in it. */
type Imported = Record<string, { readonly digest: string; readonly references: readonly string[] }>;

/** Imports each archive of the folder that is new, has changed, or whose images are gone. Gives the references of all. */
export async function importBundledImages(options: {
  folder: string;
  socketPath: string;
  runtime: Runtime;
  /** Remembers what was imported. */
  stateFile: string;
  log: Logger;
}): Promise<readonly string[]> {
  const { folder, socketPath, runtime, stateFile, log } = options;
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
    const references = await importImageArchive(join(folder, file), { socketPath });
    log.info('imported images', { file, images: references.join(' ') });
    after[file] = { digest, references };
  }
  if (JSON.stringify(after) !== JSON.stringify(before)) writeFileAtomic(stateFile, JSON.stringify(after));
  return Object.values(after).flatMap(({ references }) => references);
}

async function allThere(runtime: Runtime, references: readonly string[]): Promise<boolean> {
  for (const reference of references) if (!(await runtime.imageStatus(reference))) return false;
  return true;
}
