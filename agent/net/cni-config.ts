import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';
import { CNI_CONFIG_NAME, type CniInput, mtuOf, planCniConfig } from './cni.plan.ts';

/** Of `mtu`, when Pods that run already have another. */
export interface CniChange {
  readonly written: boolean;
  readonly mtuBefore: number | undefined;
}

/**
 * Writes the pod network for the runtime, which watches the folder; to be called once the node's range is known, and on
 * each change of it. A folder with another's network in it is left alone.
 */
export async function writeCniConfig(confDir: string, input: CniInput): Promise<CniChange> {
  const names = await readdir(confDir).catch((err: NodeJS.ErrnoException) => {
    if (err.code === 'ENOENT') return [];
    throw err;
  });
  const others = names.filter((name) => /\.(conf|conflist|json)$/.test(name) && name !== CNI_CONFIG_NAME);
  if (others.length > 0) return { written: false, mtuBefore: undefined };
  const path = join(confDir, CNI_CONFIG_NAME);
  const text = planCniConfig(input);
  const before = await readFile(path, 'utf8').catch(() => undefined);
  if (before === text) return { written: false, mtuBefore: undefined };
  writeFileAtomic(path, text, 0o644);
  return { written: true, mtuBefore: before === undefined ? undefined : mtuOf(before) };
}

/** Makes room for another plug-in's network. */
export async function removeCniConfig(confDir: string): Promise<void> {
  await rm(join(confDir, CNI_CONFIG_NAME), { force: true });
}
