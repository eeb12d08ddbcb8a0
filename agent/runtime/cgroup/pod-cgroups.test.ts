import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { openCgroups } from './open.ts';
import { PodCgroupTree } from './pod-cgroups.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'coracle-pod-cgroups-'));
  for (const name of ['cpu', 'memory']) mkdirSync(join(root, name));
});
afterEach(() => rmSync(root, { recursive: true }));

const sharesOf = (path: string): string =>
  readFileSync(join(root, 'cpu/kubepods', path, 'cpu.shares'), 'utf8');
const pod = (uid: string, cpu: string | undefined, phase = 'Running'): Pod => ({
  metadata: { uid, name: uid },
  spec: { containers: [{ name: 'main', resources: cpu ? { requests: { cpu } } : {} }] },
  status: { phase },
});

it('gives a class of Pods what they ask for together, and next to nothing to those that ask for nothing', async () => {
  const here: Pod[] = [];
  const tree = new PodCgroupTree(await openCgroups(root), () => here);
  const come = async (one: Pod): Promise<string> => {
    here.push(one);
    return tree.ensure(one);
  };
  expect(await come(pod('a', '500m'))).toBe('/kubepods/burstable/poda');
  expect(sharesOf('burstable')).toBe('512');
  await Promise.all([come(pod('b', '250m')), come(pod('c', undefined)), come(pod('d', undefined))]);
  expect(sharesOf('burstable')).toBe('768');
  expect(sharesOf('burstable/podb')).toBe('256');
  expect(sharesOf('besteffort')).toBe('2');
  here[0] = pod('a', '500m', 'Succeeded');
  await come(pod('e', undefined));
  expect(sharesOf('burstable')).toBe('256');
});

it('weighs a Pod that is asked for before it is listed, and no longer one that goes', async () => {
  const here = [pod('a', '1')];
  const tree = new PodCgroupTree(await openCgroups(root), () => here);
  await tree.ensure(pod('b', '1'));
  expect(sharesOf('burstable')).toBe('2048');
  // Plain folders are not emptied by the kernel.
  rmSync(join(root, 'cpu/kubepods/burstable/podb'), { recursive: true });
  rmSync(join(root, 'memory/kubepods/burstable/podb'), { recursive: true });
  await tree.remove('b');
  expect(sharesOf('burstable')).toBe('1024');
});

it('tries again where a class could not be weighed', async () => {
  const tree = new PodCgroupTree(await openCgroups(root), () => []);
  mkdirSync(join(root, 'cpu/kubepods/burstable/cpu.shares'), { recursive: true });
  await expect(tree.ensure(pod('a', '1'))).rejects.toThrow();
  rmSync(join(root, 'cpu/kubepods/burstable/cpu.shares'), { recursive: true });
  writeFileSync(join(root, 'cpu/kubepods/burstable/cpu.shares'), '');
  await tree.ensure(pod('a', '1'));
  expect(sharesOf('burstable')).toBe('1024');
});
