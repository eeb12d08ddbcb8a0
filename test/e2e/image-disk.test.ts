/** The last stage of an image, on what stands for a kernel and a system: real tools, no loop device, the same bytes each time. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { boards } from '#firmware/boards/index.ts';
import { Cache } from '#firmware/build/cache.ts';
import { assembleDisk } from '#firmware/build/disk.ts';
import { run } from '#firmware/build/run.ts';
import { configTxt, planImage } from '#firmware/image.plan.ts';

const DISK_ID = '0a1b2c3d';
const EPOCH = 1_790_000_000;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'coracle-disk-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function put(path: string, text: string): string {
  const whole = join(folder, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, text);
  return whole;
}

describe.each(['rpi', 'amd64-uefi'])('a disk for %s', (name) => {
  const board = boards.find((one) => one.name === name);
  if (!board) throw new Error(name);
  const plan = planImage({
    board,
    role: 'agent',
    version: '1.2.3',
    diskId: DISK_ID,
    config: 'name: garage\n',
  });

  const assemble = async (output: string): Promise<void> => {
    for (const file of board.bootFiles)
      put(`files/${file.from.replace(/\{.*\}/, '')}`, `content of ${file.from}`);
    for (const pattern of board.deviceTrees) put(`dtb/broadcom/${pattern.replaceAll('*', 'x')}`, 'tree');
    await assembleDisk({
      plan,
      diskId: DISK_ID,
      system: put('system', 'a system'),
      kernel: {
        version: '1',
        image: put('vmlinuz', 'a kernel'),
        modules: '',
        deviceTrees: join(folder, 'dtb'),
        packages: [],
      },
      initrd: put('initrd', 'an initrd'),
      files: join(folder, 'files'),
      epoch: EPOCH,
      cache: new Cache(folder, () => {}),
      output,
    });
  };

  it('has partitions, boot files and a system where the plan says, twice the same', async () => {
    const [first, second] = [join(folder, `${name}.1`), join(folder, `${name}.2`)];
    await assemble(first);
    const table = await run('sfdisk', ['-d', first]);
    expect(table).toContain(`label-id: 0x${DISK_ID}`);
    for (const { startMiB, sizeMiB, type } of plan.partitions)
      expect(table).toMatch(
        new RegExp(`start= *${startMiB * 2048}, size= *${sizeMiB * 2048}, type=${type}\\b`),
      );
    const read = (path: string): Promise<string> => run('mtype', ['-i', `${first}@@4M`, `::/${path}`]);
    expect(await read('coracle.yaml')).toBe('name: garage\n');
    expect(await read('a/vmlinuz')).toBe('a kernel');
    expect(await read('a/initrd.img')).toBe('an initrd');
    if (name === 'rpi') expect(await read('config.txt')).toBe(configTxt('a'));
    else expect(await read('loader/entries/coracle-a.conf')).toContain(`coracle.disk=${DISK_ID}`);
    const slot = readAt(first, (plan.partitions[1]?.startMiB ?? 0) * 2 ** 20, 8);
    expect(slot).toBe('a system');

    await assemble(second);
    expect(await hashOf(second)).toBe(await hashOf(first));
    rmSync(first);
    rmSync(second);
  });
});

function readAt(path: string, at: number, length: number): string {
  const file = openSync(path, 'r');
  const bytes = Buffer.alloc(length);
  readSync(file, bytes, 0, length, at);
  closeSync(file);
  return bytes.toString();
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
