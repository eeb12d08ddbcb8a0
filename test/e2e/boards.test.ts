/** The virtual boards themselves, without Coracle: were these wrong, no other story would mean much. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildImages, hostArchitecture } from '#firmware/images/build-images.ts';
import { Board } from '../support/boards/board.ts';
import { cgroupsNamed, processesIn } from '../support/boards/cgroups.ts';
import { eventually } from '../support/boards/eventually.ts';
import { type Lan, PREFIX, startLan } from '../support/boards/lan.ts';
import { command, must } from '../support/boards/shell.ts';

const dist = join(import.meta.dirname, '../../dist');
let lan: Lan;
let one: Board;
let two: Board;

beforeAll(async () => {
  await buildImages({ dist, log: () => {} });
  lan = await startLan();
  one = new Board(lan, {
    name: 'one',
    host: 11,
    memoryMiB: 512,
    podSubnet: '10.42.1.0/24',
    services: [
      { name: 'beat', command: ['sh', '-c', 'echo "$WORD"; exec sleep 1000'], env: { WORD: "it's up" } },
    ],
  });
  two = new Board(lan, { name: 'two', host: 12, containerd: false });
  await Promise.all([one.boot(), two.boot()]);
});

afterAll(async () => {
  await lan?.stop();
});

const reaches = async (from: Board, ip: string) => (await from.exec(`busybox ping -c1 -W1 ${ip}`)).code === 0;

it('has a name, an address, a disk and a process tree of its own', async () => {
  expect((await one.exec('hostname')).stdout.trim()).toBe('one');
  expect((await one.exec('ls /var/lib/coracle')).stdout).toBe('');
  await one.exec('echo kept > /var/lib/coracle/note');
  expect((await two.exec('ls /var/lib/coracle')).stdout).toBe('');
  expect((await one.exec('cat /proc/sys/kernel/random/boot_id')).stdout).not.toBe(
    (await two.exec('cat /proc/sys/kernel/random/boot_id')).stdout,
  );
  expect(await reaches(one, two.ip)).toBe(true);
  expect(await reaches(one, lan.hostIp)).toBe(true);
  expect((await command(['busybox', 'ping', '-c1', '-W1', one.ip])).code).toBe(0);
});

it('runs containers from our own images', async () => {
  for (const image of [`images/${hostArchitecture()}/pause.tar`, 'test-images/busybox.tar'])
    await one.ctr('images', 'import', join(dist, image));
  const run = await one.exec('ctr -n k8s.io run --rm coracle.local/busybox:1 t1 sh -c "echo hello; exit 7"');
  expect(run).toMatchObject({ code: 7, stdout: 'hello\n' });
});

it('respawns a service, and keeps a stopped one down', async () => {
  await eventually(() => one.servicePid('beat'));
  const before = one.servicePid('beat');
  await one.killService('beat');
  await eventually(() => one.servicePid('beat') !== undefined && one.servicePid('beat') !== before);
  await eventually(() => expect(one.log('beat')).toContain("it's up\n--- beat exited with 137 ---\nit's up"));
  await one.stopService('beat');
  expect(one.servicePid('beat')).toBeUndefined();
  await one.startService('beat');
});

it('loses the network when partitioned, and time when frozen', async () => {
  await one.partition();
  expect(await reaches(two, one.ip)).toBe(false);
  await one.heal();
  await eventually(() => reaches(two, one.ip));
  one.freeze();
  expect((await command(['ctr', '-a', one.containerdSocket, 'version'], { timeoutMs: 500 })).code).not.toBe(
    0,
  );
  one.thaw();
  await one.ctr('version');
});

it('forgets all but its disk in a power cut, and boots again', async () => {
  const bootId = (await one.exec('cat /proc/sys/kernel/random/boot_id')).stdout;
  await one.exec('touch /run/gone');
  await one.powerCut();
  expect(processesIn(one.cgroup)).toEqual([]);
  expect(await reaches(two, one.ip)).toBe(false);
  await one.boot();
  expect((await one.exec('cat /var/lib/coracle/note')).stdout).toBe('kept\n');
  expect(existsSync(`${one.rootPath}/run/gone`)).toBe(false);
  expect((await one.exec('cat /proc/sys/kernel/random/boot_id')).stdout).not.toBe(bootId);
  expect(await one.ctr('images', 'ls', '-q')).toContain('coracle.local/busybox:1');
  await eventually(() => one.servicePid('beat'));
});

it('leaves nothing behind', async () => {
  const prefix = `${PREFIX}${lan.number}-`;
  await lan.stop();
  expect(cgroupsNamed(prefix)).toEqual([]);
  expect(await must(['ip', 'netns', 'list'])).not.toContain(prefix);
  expect(await must(['ip', 'link'])).not.toContain(`${PREFIX}${lan.number}`);
  expect(existsSync(lan.directory)).toBe(false);
});
