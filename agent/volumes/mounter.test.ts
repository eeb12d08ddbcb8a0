import { existsSync, readFileSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { aPod } from './fixtures.ts';
import { memorySize } from './memory-size.plan.ts';
import type { DeviceMount } from './mount.plan.ts';
import { LinuxMounter, runCommand } from './mounter.ts';

/** A board whose commands answer what a test says, and are remembered. */
function aBoard(answers: Readonly<Record<string, string | { code: number; stderr?: string }>> = {}) {
  const lines: string[] = [];
  const mounter = new LinuxMounter(async (file, args) => {
    lines.push([file, ...args].join(' '));
    const answer = answers[file] ?? '';
    if (typeof answer === 'string') return { stdout: answer };
    throw Object.assign(new Error(`Command failed: ${file}`), answer);
  });
  return { mounter, lines };
}

const BLKID = 'blkid -p -s TYPE -s PTTYPE -o export /dev/sda1';
const device = (over: Partial<DeviceMount> = {}): DeviceMount => ({
  ...{ device: '/dev/sda1', target: '/t', fsType: 'ext4', readOnly: false, mountOptions: [] },
  ...over,
});

describe('LinuxMounter', () => {
  it('mounts what it is told', async () => {
    const { mounter, lines } = aBoard();
    await mounter.mount({ type: 'nfs', source: 'nas:/a', target: '/t', options: ['ro', 'vers=4.2'] });
    await mounter.mount({ type: 'nfs', source: 'nas:/a', target: '/t', options: [] });
    await mounter.mountTmpfs('/t', ['size=1']);
    expect(lines).toEqual([
      'mount -t nfs -o ro,vers=4.2 nas:/a /t',
      'mount -t nfs nas:/a /t',
      'mount -t tmpfs -o nosuid,nodev,size=1 tmpfs /t',
    ]);
  });

  it('says what mount says', async () => {
    const { mounter } = aBoard({ mount: { code: 32, stderr: 'mount.nfs: Connection refused\n' } });
    const mounting = mounter.mount({ type: 'nfs', source: 'nas:/a', target: '/t', options: [] });
    await expect(mounting).rejects.toThrow('mount failed: mount.nfs: Connection refused');
  });

  it('waits for no server that is away when it unmounts, and for no other reason goes on', async () => {
    const away = new LinuxMounter(
      (_file, _args, signal) =>
        new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
      10,
    );
    await away.unmount('/t');
    const { mounter } = aBoard({ umount: { code: 32, stderr: 'umount: /t: not mounted.' } });
    await expect(mounter.unmount('/t')).rejects.toMatchObject({ code: 32 });
  });

  it.each<[string, DeviceMount, Parameters<typeof aBoard>[0], readonly string[]]>([
    [
      'checks and mounts a device that has files',
      device({ mountOptions: ['noatime'] }),
      { blkid: 'DEVNAME=/dev/sda1\nTYPE=ext4\n', fsck: { code: 1 } },
      [BLKID, 'fsck -a /dev/sda1', 'mount -t ext4 -o rw,noatime /dev/sda1 /t'],
    ],
    [
      'gives an empty one a file system',
      device(),
      { blkid: { code: 2 } },
      [BLKID, 'mkfs.ext4 -F -m0 /dev/sda1', 'mount -t ext4 -o rw /dev/sda1 /t'],
    ],
    [
      'touches nothing where it may only read',
      device({ readOnly: true, fsType: 'xfs' }),
      { blkid: 'TYPE=xfs\n' },
      [BLKID, 'mount -t xfs -o ro /dev/sda1 /t'],
    ],
  ])('%s', async (_, request, answers, lines) => {
    const board = aBoard(answers);
    await board.mounter.mountDevice(request);
    expect(board.lines).toEqual(lines);
  });

  it.each<[string, DeviceMount, Parameters<typeof aBoard>[0], string]>([
    ['other files', device(), { blkid: 'TYPE=xfs\n' }, 'as "ext4", it already contains xfs'],
    ['partitions', device(), { blkid: 'PTTYPE=gpt\n' }, 'unknown data, probably partitions'],
    [
      'nothing to read',
      device({ readOnly: true }),
      { blkid: { code: 2 } },
      'cannot mount unformatted disk /dev/sda1',
    ],
    [
      'broken files',
      device(),
      { blkid: 'TYPE=ext4\n', fsck: { code: 4 } },
      "'fsck' found errors on device /dev/sda1 but could not correct them",
    ],
  ])('refuses a device with %s', async (_, request, answers, why) => {
    const board = aBoard(answers);
    await expect(board.mounter.mountDevice(request)).rejects.toThrow(why);
    expect(board.lines.filter((line) => /^(mkfs|mount)/.test(line))).toEqual([]);
  });
});

const PATIENTLY = { timeout: 15_000, interval: 20 };

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

describe('a command that is called off', () => {
  it('ends with what it has started', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'coracle-run-'));
    const file = join(folder.path, 'helper');
    const stop = new AbortController();
    // As `mount` does: the helper works, the command waits for it.
    const running = runCommand(
      'sh',
      ['-c', `sh -c 'echo $$ > ${file}.new; mv ${file}.new ${file}; sleep 1000' & wait`],
      stop.signal,
    );
    await expect.poll(() => existsSync(file), PATIENTLY).toBe(true);
    const pid = read(file)?.trim();
    stop.abort(new Error('called off'));
    await expect(running).rejects.toThrow('called off');
    // A process that nobody has collected yet has no command line.
    const isAlive = (): boolean => (read(`/proc/${pid}/cmdline`) ?? '') !== '';
    await expect.poll(isAlive, PATIENTLY).toBe(false);
  });

  it('ends where nobody is left but somebody who has left the group', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'coracle-run-'));
    const file = join(folder.path, 'daemon');
    const stop = new AbortController();
    // It has the command's output, so that the command seems to go on.
    const daemon = `echo $$ > ${file}.new; mv ${file}.new ${file}; exec sleep 1000`;
    const running = runCommand(
      'sh',
      ['-c', `echo $$ > ${file}.first; setsid sh -c '${daemon}' &`],
      stop.signal,
    );
    await expect.poll(() => existsSync(file), PATIENTLY).toBe(true);
    const daemonPid = Number(read(file));
    onTestFinished(() => void process.kill(daemonPid, 'SIGKILL'));
    const first = read(`${file}.first`)?.trim();
    await expect.poll(() => existsSync(`/proc/${first}`), PATIENTLY).toBe(false);
    stop.abort(new Error('called off'));
    await expect(running).rejects.toThrow('called off');
  });

  it('says otherwise what it has said, and how it ended', async () => {
    const { signal } = new AbortController();
    expect(await runCommand('echo', ['yes'], signal)).toEqual({ stdout: 'yes\n' });
    await expect(runCommand('sh', ['-c', 'echo no >&2; exit 32'], signal)).rejects.toMatchObject({
      code: 32,
      stderr: 'no\n',
    });
    await expect(runCommand('/nowhere/mount', [], signal)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

it.each<[string | undefined, string | undefined, string | undefined, number]>([
  [undefined, undefined, undefined, 0],
  [undefined, undefined, '1Gi', 2 ** 30],
  ['64Mi', undefined, '1Gi', 2 ** 26],
  ['2Gi', undefined, '1Gi', 2 ** 30],
  ['64Mi', '32Mi', '1Gi', 2 ** 25],
  [undefined, '32Mi', '1Gi', 2 ** 25],
])('a memory medium of %s in a Pod of %s on a node of %s has %i bytes', (size, limit, node, bytes) => {
  const limits = limit ? { memory: limit } : {};
  const pod = aPod([], { containers: [{ name: 'main', resources: { limits } }] });
  expect(memorySize(pod, size, node)).toBe(bytes);
});
