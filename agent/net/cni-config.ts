import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';
import { CNI_CONFIG_NAME, type CniInput, planCniConfig } from './cni.plan.ts';

/**
 * Writes the pod network for the runtime, which watches the folder; to be called once the node's range is known, and on
 * each change of it. A folder with another's network in it is left alone. True when the file was written.
 */
export async function writeCniConfig(confDir: string, input: CniInput): Promise<boolean> {
  const names = await readdir(confDir).catch((err: NodeJS.ErrnoException) => {
    if (err.code === 'ENOENT') return [];
    throw err;
  });
  const others = names.filter((name) => /\.(conf|conflist|json)$/.test(name) && name !== CNI_CONFIG_NAME);
  if (others.length > 0) return false;
  const path = join(confDir, CNI_CONFIG_NAME);
  const text = planCniConfig(input);
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return false;
  writeFileAtomic(path, text, 0o644);
  return true;
}
