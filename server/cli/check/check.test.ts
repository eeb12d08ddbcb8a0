import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bootLineWith } from './boot-line.plan.ts';
import { type Finding, planChecks } from './checks.plan.ts';
import type { CheckFacts } from './facts.ts';
import { applyFix } from './fix.ts';
import { withoutSwap } from './fstab.plan.ts';
import { gatherFacts } from './gather.ts';
import { PROGRAMS } from './programs.plan.ts';
import { checkTable } from './table.plan.ts';

const GI = 1024 ** 3;
/** A board that is ready. */
const good: CheckFacts = {
  roles: ['server', 'agent'],
  isRoot: true,
  architecture: 'arm64',
  machine: 'aarch64',
  hostname: 'kitchen',
  memoryBytes: 4 * GI,
  dataDir: '/var/lib/coracle',
  diskFreeBytes: 20 * GI,
  syncedWriteMs: 4,
  isReadOnly: false,
  cgroupVersion: 2,
  cgroupControllers: ['cpuset', 'cpu', 'io', 'memory', 'pids'],
  bootLine: undefined,
  modulesThere: ['overlay', 'nf_tables', 'br_netfilter', 'vxlan'],
  modulesLoadable: [],
  sysctls: { 'net.ipv4.ip_forward': '1', 'net.bridge.bridge-nf-call-iptables': '1' },
  programs: PROGRAMS.map(({ anyOf: [name] }) => name ?? ''),
  containerdSocket: undefined,
  foreignCni: [],
  nowMs: Date.UTC(2026, 5, 1),
  isClockSynchronised: true,
  swaps: [],
  ports: [
    { port: 6443, option: 'listen', holder: undefined },
    { port: 6444, option: 'agent-listen', holder: undefined },
  ],
};
const amiss = (over: Partial<CheckFacts>): readonly Finding[] =>
  planChecks({ ...good, ...over }).filter(({ level }) => level !== 'ok');
const LINE =
  'console=serial0,115200 console=tty1 root=PARTUUID=4c4e106f-02 rootfstype=ext4 fsck.repair=yes rootwait';

describe('checks', () => {
  it('has nothing to say of a board that is ready', () => expect(amiss({})).toEqual([]));

  it.each<[string, Partial<CheckFacts>, Finding['level'], string, string]>([
    ['32 bits on 64', { architecture: 'arm', machine: 'aarch64' }, 'failure', 'architecture', '64-bit image'],
    ['an old board', { architecture: 'arm', machine: 'armv6l' }, 'failure', 'architecture', 'Raspberry Pi 3'],
    ['no root', { isRoot: false }, 'warning', 'user', 'sudo coracle check'],
    ['the usual name', { hostname: 'raspberrypi' }, 'warning', 'host name', 'hostnamectl'],
    ['a name that no Node can have', { hostname: 'my_pi' }, 'failure', 'host name', 'hostnamectl'],
    ['512 MB', { memoryBytes: GI / 2 }, 'failure', 'memory', 'server and agent need 800 MiB'],
    ['1 GB', { memoryBytes: GI }, 'warning', 'memory', 'little left'],
    ['a full disk', { diskFreeBytes: GI / 4 }, 'failure', 'disk space', '2 GiB'],
    ['a slow card', { syncedWriteMs: 150 }, 'warning', 'disk speed', 'A1 or A2'],
    ['a read-only disk', { isReadOnly: true, syncedWriteMs: undefined }, 'failure', 'disk', 'fsck'],
    [
      'no pids controller',
      { cgroupControllers: ['cpu', 'memory'] },
      'failure',
      'cgroups',
      'built or started without',
    ],
    ['no modules at all', { modulesThere: [] }, 'failure', 'kernel modules', 'standard kernel'],
    [
      'no vxlan',
      { modulesThere: good.modulesThere.slice(0, 3), modulesLoadable: ['vxlan'] },
      'warning',
      'kernel modules',
      '--fix',
    ],
    ['no forwarding', { sysctls: {} }, 'warning', 'kernel settings', '--fix'],
    ['no broker', { programs: good.programs.slice(0, -1) }, 'warning', 'programs', 'mosquitto'],
    [
      'a silent containerd',
      { containerdSocket: { path: '/x', answers: false } },
      'failure',
      'containerd',
      'systemctl status',
    ],
    [
      "another plug-in's network",
      { foreignCni: ['10-flannel.conflist'], containerdSocket: { path: '/x', answers: true } },
      'warning',
      'pod network',
      '--network none',
    ],
    ['1970', { nowMs: 3_600_000 }, 'failure', 'clock', 'Pods start all the same'],
    ['no time server', { isClockSynchronised: false }, 'warning', 'clock', 'set-ntp'],
    ['swap on the card', { swaps: ['/var/swap'] }, 'warning', 'swap', 'wears the card'],
    [
      'a port that is taken',
      { ports: [{ port: 6443, option: 'listen', holder: 'k3s' }] },
      'failure',
      'port 6443',
      'another with --listen',
    ],
  ])('%s', (_name, over, level, what, next) => {
    const findings = amiss(over);
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ level, what, next: expect.stringContaining(next) });
  });

  it.each<[string, Partial<CheckFacts>]>([
    ['swap in compressed memory', { swaps: ['/dev/zram0'] }],
    ['ports of a Coracle that runs', { ports: [{ port: 6443, option: 'listen', holder: 'coracle' }] }],
    ['a plug-in that only the host has', { foreignCni: ['87-podman.conflist'] }],
  ])('bears %s', (_name, over) => expect(amiss(over)).toEqual([]));

  it('knows the boot line of a Raspberry Pi', () => {
    const off = {
      cgroupControllers: ['cpu', 'pids'],
      bootLine: { file: '/boot/firmware/cmdline.txt', text: LINE },
    };
    const [finding] = amiss(off);
    expect(finding?.fix).toEqual({
      ...{ type: 'bootLine', file: '/boot/firmware/cmdline.txt' },
      text: `${LINE} cgroup_enable=memory cgroup_memory=1`,
    });
    const text = bootLineWith(LINE, ['cgroup_enable=memory', 'cgroup_memory=1']);
    const [again] = amiss({ ...off, bootLine: { ...off.bootLine, text } });
    expect(again).toMatchObject({ next: expect.stringContaining('reboot') });
    expect(again?.fix).toBeUndefined();
  });
});

describe('the boot line', () => {
  const flags = ['cgroup_enable=memory', 'cgroup_memory=1'];
  it.each([
    ['root=/dev/x', 'root=/dev/x cgroup_enable=memory cgroup_memory=1'],
    ['root=/dev/x  cgroup_memory=1 quiet\n', 'root=/dev/x cgroup_memory=1 quiet cgroup_enable=memory'],
    ['cgroup_disable=memory root=/dev/x', 'root=/dev/x cgroup_enable=memory cgroup_memory=1'],
  ])('%j', (before, after) => {
    expect(bootLineWith(before, flags)).toBe(after);
    expect(bootLineWith(after, flags)).toBe(after);
  });
});

it('leaves all of fstab but swap', () => {
  const text = 'PARTUUID=1 / ext4 defaults 0 1\n# /old none swap sw 0 0\n/var/swap none swap sw 0 0\n';
  expect(withoutSwap(text)).toBe(text.replace('\n/var/swap', '\n# /var/swap'));
});

it('is a table, with what to do', () => {
  const findings = amiss({ swaps: ['/var/swap'], architecture: 'arm', machine: 'armv6l' });
  expect(checkTable([...findings, { what: 'clock', level: 'ok', found: 'right' }], false)).toBe(`\
  ✗ architecture  arm, on armv6l
                  → Coracle needs a 64-bit processor, arm64 or amd64: a Raspberry Pi 3 or later
  ! swap          on /var/swap
                  → it wears the card and makes limits of memory a matter of luck: --fix turns it off, now and at each boot
  ✓ clock         right

1 that must be put right, 1 that deserves a look. coracle check --fix repairs 1 of them.
`);
});

describe('a Raspberry Pi as it comes', () => {
  let root: string;
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const get = (path: string): string => readFileSync(join(root, path), 'utf8');
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'coracle-check-'));
    put('proc/sys/kernel/hostname', 'raspberrypi\n');
    put('proc/sys/kernel/osrelease', '6.12.25+rpt-rpi-v8\n');
    put('proc/meminfo', 'MemTotal:        3884316 kB\nMemFree: 1 kB\n');
    put(
      'proc/swaps',
      'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/var/swap                               file\t\t524284\t\t0\t\t-2\n',
    );
    put('sys/fs/cgroup/cgroup.controllers', 'cpuset cpu io pids\n');
    put('boot/firmware/cmdline.txt', `${LINE}\n`);
    put(
      'boot/cmdline.txt',
      'DO NOT EDIT THIS FILE\n\nThe file you are looking for has moved to /boot/firmware/cmdline.txt\n',
    );
    put('proc/modules', 'overlay 147456 0 - Live 0x0\n');
    put('proc/filesystems', 'nodev\tsysfs\n\text4\n');
    const modules = ['netfilter/nf_tables', 'bridge/br_netfilter'].map(
      (name) => `kernel/net/${name}.ko.xz:\n`,
    );
    put(
      'lib/modules/6.12.25+rpt-rpi-v8/modules.dep',
      `${modules.join('')}kernel/drivers/net/vxlan/vxlan.ko.xz:\n`,
    );
    put('proc/sys/net/ipv4/ip_forward', '0\n');
    put('etc/fstab', '/var/swap none swap sw 0 0\n');
    put('etc/cni/net.d/10-coracle.conflist', '{}');
    put('etc/cni/net.d/87-podman-bridge.conflist', '{}');
    for (const program of ['usr/sbin/nft', 'sbin/ip', 'sbin/modprobe', 'usr/lib/cni/bridge'])
      put(program, '');
    put('run/systemd/timesync/synchronized', '');
    mkdirSync(join(root, 'var/lib'), { recursive: true });
  });
  afterEach(() => rmSync(root, { recursive: true }));
  const gather = () =>
    gatherFacts({ root, roles: ['agent'], dataDir: '/var/lib/coracle', containerd: '', ports: [] });

  it('is understood', async () => {
    expect(await gather()).toMatchObject({
      hostname: 'raspberrypi',
      memoryBytes: 3884316 * 1024,
      isReadOnly: false,
      cgroupVersion: 2,
      cgroupControllers: ['cpuset', 'cpu', 'io', 'pids'],
      bootLine: { file: '/boot/firmware/cmdline.txt', text: LINE },
      modulesThere: ['overlay'],
      modulesLoadable: ['nf_tables', 'br_netfilter', 'vxlan'],
      sysctls: { 'net.ipv4.ip_forward': '0' },
      programs: ['ip', 'nft', 'modprobe', 'bridge'],
      foreignCni: ['87-podman-bridge.conflist'],
      isClockSynchronised: true,
      swaps: ['/var/swap'],
    });
  });

  it('is repaired, and what was changed is kept', async () => {
    const commands: string[] = [];
    const run = async (program: string, args: readonly string[]) => {
      commands.push([program, ...args].join(' ').replace(root, ''));
    };
    const facts = { ...(await gather()), isRoot: true, architecture: 'arm64', nowMs: good.nowMs };
    const said: string[] = [];
    for (const { fix } of planChecks(facts)) if (fix) said.push(await applyFix(fix, root, run));
    expect(get('boot/firmware/cmdline.txt')).toBe(`${LINE} cgroup_enable=memory cgroup_memory=1\n`);
    expect(get('boot/firmware/cmdline.txt.before-coracle')).toBe(`${LINE}\n`);
    expect(get('etc/modules-load.d/coracle.conf')).toBe('nf_tables\nbr_netfilter\nvxlan\n');
    expect(get('etc/sysctl.d/90-coracle.conf')).toBe(
      'net.ipv4.ip_forward = 1\nnet.bridge.bridge-nf-call-iptables = 1\n',
    );
    expect(get('etc/fstab')).toBe('# /var/swap none swap sw 0 0\n');
    expect(said).toHaveLength(5);
    expect(commands).toEqual([
      ...['modprobe nf_tables', 'modprobe br_netfilter', 'modprobe vxlan'],
      'sysctl -q -p /etc/sysctl.d/90-coracle.conf',
      ...[
        'apt-get update -q',
        'apt-get install -y -q --no-install-recommends containerd crun iptables conntrack haproxy',
      ],
      'swapoff -a',
      'systemctl disable --now dphys-swapfile.service',
      'systemctl disable --now rpi-setup-loop@var-swap.service',
    ]);
  });
});

describe('this very machine', () => {
  it('is looked at, and is no worse for it', async () => {
    const facts = await gatherFacts({
      ...{ root: '/', roles: ['agent'], dataDir: tmpdir(), containerd: '/nowhere.sock' },
      ports: [{ port: 1, option: 'listen' }],
    });
    expect(facts.memoryBytes).toBeGreaterThan(0);
    expect(facts.containerdSocket).toEqual({ path: '/nowhere.sock', answers: false });
    expect(facts.ports).toEqual([{ port: 1, option: 'listen', holder: undefined }]);
    expect(planChecks(facts).length).toBeGreaterThan(10);
  });
});
