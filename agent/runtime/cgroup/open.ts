import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cgroups } from './cgroups.ts';
import { CgroupsV1 } from './v1.ts';
import { CgroupsV2 } from './v2.ts';

/** What this board has. A hybrid (v1 with a v2 tree that holds no controllers we use) counts as v1. */
export async function openCgroups(root = '/sys/fs/cgroup'): Promise<Cgroups> {
  if (isUnified(root)) return new CgroupsV2(root);
  const hierarchies = (await readdir(root)).filter((name) => !name.includes(','));
  return new CgroupsV1(root, hierarchies);
}

export const isUnified = (root = '/sys/fs/cgroup'): boolean => existsSync(join(root, 'cgroup.controllers'));
