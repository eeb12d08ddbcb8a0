/** A Raspberry Pi image, file by file, and as far as QEMU's board goes: it has no VideoCore, so the firmware itself can't run. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { openSync, readFileSync, readSync, statSync } from 'node:fs';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installTools } from '#firmware/build/host.ts';
import { run } from '#firmware/build/run.ts';
import { configTxt, planPartitions } from '#firmware/image.plan.ts';
import type { Images } from './images.ts';
import { expect, type Suite } from './step.ts';

const MIB = 1024 * 1024;
const LIMIT_BYTES = 350 * 1000 * 1000;
/** Zero 2 W, 3, 4 and 5; mainline says 2837 for what the vendor calls 2710. */
const BOARDS = ['bcm2837-rpi-zero-2-w', 'bcm2837-rpi-3-b', 'bcm2711-rpi-4-b', 'bcm2712-rpi-5-b'];

export function raspberrySteps(images: Images): Suite {
  const { folder } = images;
  const bootFile = async (disk: string, path: string): Promise<Buffer> => {
    const to = join(folder, path.replaceAll('/', '-'));
    await run('mcopy', ['-n', '-o', '-i', `${disk}@@4M`, `::/${path}`, to]);
    return readFileSync(to);
  };
  return {
    steps: [
      {
        name: 'images',
        vital: true,
        run: async () => {
          const [image = ''] = await images.pack('agent');
          const { size } = statSync(image);
          expect(size <= LIMIT_BYTES, `${image} has ${size} bytes`);
          return [`agent: ${(size / 1e6).toFixed(0)} MB compressed`];
        },
      },
      {
        name: 'files',
        run: async () => {
          const { disk, plan } = await images.build('agent');
          const table = await run('sfdisk', ['-d', disk]);
          const diskId = /label-id: 0x([0-9a-f]{8})/.exec(table)?.[1] ?? '';
          for (const { startMiB, sizeMiB, type } of planPartitions())
            expect(
              new RegExp(`start= *${startMiB * 2048}, size= *${sizeMiB * 2048}, type=${type}`).test(table),
              table,
            );
          expect(
            (await bootFile(disk, 'config.txt')).toString() === configTxt('a'),
            'config.txt is another one',
          );
          const line = (await bootFile(disk, 'a/cmdline.txt')).toString();
          for (const word of [`coracle.disk=${diskId}`, 'cgroup_enable=memory', 'coracle.kernel=a'])
            expect(line.includes(word), `a/cmdline.txt lacks ${word}: ${line}`);
          expect(line.trim().split('\n').length === 1, 'a/cmdline.txt has more than a line');
          const kernel = await bootFile(disk, 'a/vmlinuz');
          // https://docs.kernel.org/arch/arm64/booting.html: "ARM\x64" at 56; the firmware takes it raw or gzipped.
          expect(
            kernel.readUInt32LE(56) === 0x644d5241 || kernel.readUInt16BE(0) === 0x1f8b,
            'a/vmlinuz is no kernel of arm64 that the firmware can start',
          );
          const initrd = await bootFile(disk, 'a/initrd.img');
          expect(initrd.readUInt32LE(0) === 0xfd2fb528, 'a/initrd.img is not compressed with zstd');
          const listing = await run('mdir', ['-b', '-/', '-i', `${disk}@@4M`, '::']);
          const trees = listing.split('\n').filter((path) => path.endsWith('.dtb'));
          for (const path of trees) {
            const tree = await bootFile(disk, path.replace(/^::\//, '').trim());
            expect(tree.readUInt32BE(0) === 0xd00dfeed, `${path} is no device tree`);
          }
          const lacking = BOARDS.filter((name) => !trees.some((path) => path.includes(`${name}.dtb`)));
          expect(lacking.length === 0, `no device tree for ${lacking.join(', ')}`);
          for (const name of ['bootcode.bin', 'start.elf', 'start4.elf', 'fixup.dat', 'fixup4.dat']) {
            const file = await bootFile(disk, name);
            expect(file.length > 1000, `${name} has ${file.length} bytes`);
          }
          const start = (await bootFile(disk, 'start4.elf')).subarray(0, 4).toString('latin1');
          expect(start === '\x7fELF', 'start4.elf is no ELF file');
          return [
            plan.name,
            `${trees.length} device trees, kernel ${(kernel.length / MIB).toFixed(0)} MiB, initrd ${(initrd.length / MIB).toFixed(1)} MiB`,
          ];
        },
      },
      {
        name: 'root',
        run: async () => {
          const { disk, system } = await images.build('agent');
          const slot = planPartitions()[1];
          const wanted = readFileSync(system);
          const there = Buffer.alloc(wanted.length);
          readSync(openSync(disk, 'r'), there, 0, there.length, (slot?.startMiB ?? 0) * MIB);
          const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
          expect(hash(there) === hash(wanted), 'slot a is not the system that was built');
          const listing = (await run('unsquashfs', ['-lls', '-no-progress', system])).split('\n');
          const has = (pattern: RegExp): boolean => listing.some((line) => pattern.test(line));
          for (const pattern of [
            /usr\/bin\/containerd$/,
            /usr\/bin\/crun$/,
            /usr\/sbin\/nft$/,
            /usr\/lib\/cni\/bridge$/,
            /usr\/lib\/coracle\/bin\/node$/,
            /usr\/lib\/coracle\/agent\.mjs$/,
            /usr\/lib\/coracle\/board\.mjs$/,
            /usr\/lib\/coracle\/boot\/vmlinuz$/,
            /usr\/lib\/coracle\/images\/arm64\/pause\.tar$/,
            /usr\/lib\/firmware\/(brcm|cypress)\/.*43455.*\.bin$/,
            /modules\/.*\/brcmfmac\.ko/,
            /modules\/.*\/bcm2835_wdt\.ko/,
            /modules\/.*\/zram\.ko/,
            /modules\/.*\/vxlan\.ko/,
            /modules\/.*\/wireguard\.ko/,
            /coracle-agent\.service$/,
          ])
            expect(has(pattern), `the system lacks ${pattern.source}`);
          expect(!has(/linux-x64\.node$/), 'there is a native file of another architecture');
          expect(
            !has(/ssh_host_.*key/) && !has(/\/var\/.*random-seed$/),
            'there is a secret that all boards would share',
          );
          const node = (await run('unsquashfs', ['-cat', system, 'usr/lib/coracle/bin/node'])).slice(0, 5);
          expect(node.startsWith('\x7fELF'), 'node is no program');
          return [`${listing.length} files`];
        },
      },
      {
        name: 'boot',
        run: () => bootRaspberry(images, bootFile),
      },
    ],
    end: async () => {},
  };
}

/** A Raspberry Pi 3, started as its firmware would: kernel, initrd and device tree from the image's own boot partition. */
async function bootRaspberry(
  images: Images,
  bootFile: (disk: string, path: string) => Promise<Buffer>,
): Promise<readonly string[]> {
  await installTools({ 'qemu-system-aarch64': 'qemu-system-arm' }, images.say);
  const { disk: image } = await images.build('agent');
  const disk = join(images.folder, 'pi.img');
  await run('cp', ['--sparse=always', image, disk]);
  // QEMU wants a power of two of an SD card.
  await truncate(disk, 4 * 1024 ** 3);
  const config = join(images.folder, 'pi.yaml');
  await writeFile(config, 'name: pi\nrole: agent\ntoken: abcdef.0123456789abcdef\nserver: 10.0.2.2\n');
  await run('mcopy', ['-o', '-i', `${disk}@@4M`, config, '::/coracle.yaml']);
  await Promise.all(
    ['a/vmlinuz', 'a/initrd.img', 'a/bcm2837-rpi-3-b.dtb'].map((path) => bootFile(disk, path)),
  );
  const line = (await bootFile(disk, 'a/cmdline.txt'))
    .toString()
    .trim()
    .replace(/console=\S+ /g, '');
  const at = (name: string): string => join(images.folder, name);
  const child = spawn(
    'qemu-system-aarch64',
    [
      ...[
        '-M',
        'raspi3b',
        '-nographic',
        '-nodefaults',
        '-serial',
        'null',
        '-serial',
        'stdio',
        '-monitor',
        'none',
      ],
      ...['-kernel', at('a-vmlinuz'), '-initrd', at('a-initrd.img'), '-dtb', at('a-bcm2837-rpi-3-b.dtb')],
      // The emulated watchdog resets the board the moment it is armed.
      ...['-append', `console=ttyS1,115200 ${line} module_blacklist=bcm2835_wdt`],
      ...[
        '-drive',
        `if=sd,format=raw,file=${disk}`,
        '-device',
        'usb-net,netdev=n',
        '-netdev',
        'user,id=n,restrict=on',
      ],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let text = '';
  const hear = (chunk: Buffer): void => {
    text += chunk.toString('latin1');
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const since = performance.now();
  try {
    return await new Promise((resolve, reject) => {
      const timer = setInterval(() => {
        const seconds = (performance.now() - since) / 1000;
        if (/this is pi, agent/.test(text)) {
          clearInterval(timer);
          resolve([`the system read its coracle.yaml after ${seconds.toFixed(0)} s`]);
        } else if (seconds > 45 * 60 || child.exitCode !== null) {
          clearInterval(timer);
          reject(new Error(`the board did not get so far; its last words:\n${text.slice(-3000)}`));
        }
      }, 500);
    });
  } finally {
    child.kill('SIGKILL');
  }
}
