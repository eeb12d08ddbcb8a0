import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { planCniConfig } from './cni.plan.ts';
import { removeCniConfig, writeCniConfig } from './cni-config.ts';

const input = { podCidrs: ['10.42.3.0/24'], ipamDir: '/data/ipam', mtu: 1500 };
const written = { written: true, mtuBefore: undefined };
const same = { written: false, mtuBefore: undefined };
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'coracle-cni-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('plans a bridge with the range of the node, and host ports', () => {
  const { plugins } = JSON.parse(planCniConfig({ ...input, mtu: 1450 }));
  expect(plugins).toMatchObject([
    { type: 'bridge', mtu: 1450, ipam: { ranges: [[{ subnet: '10.42.3.0/24' }]], dataDir: '/data/ipam' } },
    { type: 'portmap', capabilities: { portMappings: true } },
  ]);
});

it('writes it once, and again when the range changes', async () => {
  const confDir = join(folder, 'net.d');
  expect(await writeCniConfig(confDir, input)).toEqual(written);
  expect(await writeCniConfig(confDir, input)).toEqual(same);
  const narrow = { ...input, podCidrs: ['10.42.4.0/24'], mtu: 1450 };
  expect(await writeCniConfig(confDir, narrow)).toEqual({ written: true, mtuBefore: 1500 });
  expect(await readdir(confDir)).toEqual(['10-coracle.conflist']);
  expect(await readFile(join(confDir, '10-coracle.conflist'), 'utf8')).toContain('10.42.4.0/24');
});

it("leaves another's network alone", async () => {
  await writeFile(join(folder, '05-other.conflist'), '{}');
  expect(await writeCniConfig(folder, input)).toEqual(same);
  await removeCniConfig(folder);
  expect(await readdir(folder)).toEqual(['05-other.conflist']);
});
