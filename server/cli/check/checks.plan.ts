/**
 * What stands between a machine and Coracle: one finding for each thing looked at, with what to do next and, where it can be done by
 * itself, the fix as data. Pure, over facts that were gathered before.
 */

import { bootLineWith } from './boot-line.plan.ts';
import type { CheckFacts, Role } from './facts.ts';
import { PROGRAMS } from './programs.plan.ts';

/** What `--fix` carries out; `fix.ts` has an entry for each. */
export type Fix =
  | { readonly type: 'bootLine'; readonly file: string; readonly text: string }
  | { readonly type: 'modules'; readonly names: readonly string[] }
  | { readonly type: 'sysctls'; readonly values: Readonly<Record<string, string>> }
  | { readonly type: 'packages'; readonly names: readonly string[] }
  | { readonly type: 'clock' }
  | { readonly type: 'swapOff' };

export interface Finding {
  readonly what: string;
  readonly level: 'ok' | 'warning' | 'failure';
  /** What was found. */
  readonly found: string;
  /** What to do about it. */
  readonly next?: string;
  readonly fix?: Fix;
}

const MI = 1024 * 1024;
const GI = 1024 * MI;
/** What each role takes at rest, with room for a few Pods. */
const MEMORY: Readonly<Record<Role, { readonly least: number; readonly good: number }>> = {
  agent: { least: 350 * MI, good: 700 * MI },
  server: { least: 450 * MI, good: 900 * MI },
};
const DISK = { least: GI / 2, good: 2 * GI };
/** Milliseconds of a small synced write: good cards take 2–10. */
const WRITE_MS = { good: 20, slow: 100 };
/** No clock that was ever set stands before this. */
const EARLIEST_MS = Date.UTC(2026, 0, 1);

export function planChecks(facts: CheckFacts): readonly Finding[] {
  return [
    architecture(facts),
    ...(facts.isRoot ? [] : [notRoot]),
    hostName(facts),
    memory(facts),
    diskSpace(facts),
    ...diskSpeed(facts),
    controllers(facts),
    modules(facts),
    sysctls(facts),
    ...programs(facts),
    ...containerd(facts),
    network(facts),
    clock(facts),
    swap(facts),
    ...ports(facts),
  ];
}

const ok = (what: string, found: string): Finding => ({ what, level: 'ok', found });
const bad = (
  level: 'warning' | 'failure',
  what: string,
  found: string,
  next: string,
  fix?: Fix | undefined,
): Finding => ({ what, level, found, next, ...(fix ? { fix } : {}) });

const notRoot = bad(
  'warning',
  'user',
  'not root',
  'some things can not be looked at, and nothing can be repaired: sudo coracle check',
);

function architecture({ architecture: program, machine }: CheckFacts): Finding {
  if (program === 'arm64' || program === 'x64') return ok('architecture', program);
  const wide = machine === 'aarch64';
  return bad(
    'failure',
    'architecture',
    `${program}, on ${machine}`,
    wide
      ? 'the processor has 64 bits, the system has 32: install the 64-bit image of Raspberry Pi OS'
      : 'Coracle needs a 64-bit processor, arm64 or amd64: a Raspberry Pi 3 or later',
  );
}

function hostName({ hostname }: CheckFacts): Finding {
  const name = hostname.toLowerCase();
  if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name))
    return bad(
      'failure',
      'host name',
      hostname,
      'no Node can be called that: hostnamectl set-hostname NAME, or --node-name',
    );
  return name === 'localhost' || name === 'raspberrypi'
    ? bad(
        'warning',
        'host name',
        name,
        'the next board will be called the same: hostnamectl set-hostname NAME, or --node-name',
      )
    : ok('host name', name);
}

function memory({ memoryBytes, roles }: CheckFacts): Finding {
  const sum = (of: 'least' | 'good'): number => roles.reduce((total, role) => total + MEMORY[role][of], 0);
  const found = `${Math.round(memoryBytes / MI)} MiB`;
  if (memoryBytes < sum('least'))
    return bad(
      'failure',
      'memory',
      found,
      `${roles.join(' and ')} need ${Math.round(sum('least') / MI)} MiB at the least`,
    );
  return memoryBytes < sum('good')
    ? bad('warning', 'memory', found, 'enough to run, with little left for Pods')
    : ok('memory', found);
}

function diskSpace({ dataDir, diskFreeBytes }: CheckFacts): Finding {
  const found = `${(diskFreeBytes / GI).toFixed(1)} GiB free at ${dataDir}`;
  if (diskFreeBytes < DISK.least)
    return bad('failure', 'disk space', found, 'images and volumes need room: 2 GiB or more');
  return diskFreeBytes < DISK.good
    ? bad('warning', 'disk space', found, 'a few images fill that: a larger card, or less beside Coracle')
    : ok('disk space', found);
}

function diskSpeed({ syncedWriteMs, isReadOnly, dataDir }: CheckFacts): Finding[] {
  if (isReadOnly)
    return [
      bad(
        'failure',
        'disk',
        `${dataDir} can only be read`,
        'the kernel has found errors on it: back up, then fsck or a new card',
      ),
    ];
  if (syncedWriteMs === undefined) return [];
  const found = `${syncedWriteMs.toFixed(1)} ms a synced write`;
  if (syncedWriteMs <= WRITE_MS.good) return [ok('disk speed', found)];
  const next =
    syncedWriteMs > WRITE_MS.slow
      ? 'the card is slow or worn: an A1 or A2 card, or better a disk on USB, makes a great difference'
      : 'usable for a board that runs Pods; a server would feel it';
  return [bad('warning', 'disk speed', found, next)];
}

const WANTED_CONTROLLERS = ['cpu', 'memory', 'pids'];
const BOOT_FLAGS = ['cgroup_enable=memory', 'cgroup_memory=1'];

function controllers({ cgroupVersion, cgroupControllers, bootLine }: CheckFacts): Finding {
  const missing = WANTED_CONTROLLERS.filter((name) => !cgroupControllers.includes(name));
  const what = 'cgroups';
  if (missing.length === 0) return ok(what, `version ${cgroupVersion}: ${WANTED_CONTROLLERS.join(', ')}`);
  const found = `no ${missing.join(', ')} controller`;
  if (!missing.includes('memory') || !bootLine)
    return bad(
      'failure',
      what,
      found,
      'the kernel was built or started without it: limits of Pods would mean nothing',
    );
  const text = bootLineWith(bootLine.text, BOOT_FLAGS);
  return text === bootLine.text.trim()
    ? bad('failure', what, found, `${bootLine.file} asks for it already: reboot`)
    : bad(
        'failure',
        what,
        found,
        `${BOOT_FLAGS.join(' ')} is missing in ${bootLine.file}: --fix adds it, then reboot`,
        {
          ...{ type: 'bootLine', file: bootLine.file, text },
        },
      );
}

/** Without the first two there are no containers; without the others some of their network is missing. */
const MODULES = [
  { name: 'overlay', need: 'failure' },
  { name: 'nf_tables', need: 'failure' },
  { name: 'br_netfilter', need: 'warning' },
  { name: 'vxlan', need: 'warning' },
] as const;

function modules({ modulesThere, modulesLoadable }: CheckFacts): Finding {
  const missing = MODULES.filter(({ name }) => !modulesThere.includes(name));
  const what = 'kernel modules';
  if (missing.length === 0) return ok(what, MODULES.map(({ name }) => name).join(', '));
  const found = `${missing.map(({ name }) => name).join(', ')} not loaded`;
  const level = missing.some(({ need }) => need === 'failure') ? 'failure' : 'warning';
  const loadable = missing.map(({ name }) => name).filter((name) => modulesLoadable.includes(name));
  if (loadable.length === 0)
    return bad(
      level,
      what,
      found,
      'this kernel does not have them: a standard kernel of the distribution does',
    );
  return bad(level, what, found, '--fix loads them, now and at each boot', {
    type: 'modules',
    names: loadable,
  });
}

const SYSCTLS: Readonly<Record<string, string>> = {
  'net.ipv4.ip_forward': '1',
  'net.bridge.bridge-nf-call-iptables': '1',
};

function sysctls({ sysctls: now, modulesThere, modulesLoadable }: CheckFacts): Finding {
  const bridged = modulesThere.includes('br_netfilter') || modulesLoadable.includes('br_netfilter');
  const wanted = Object.entries(SYSCTLS).filter(([name]) => bridged || !name.startsWith('net.bridge.'));
  const wrong = wanted.filter(([name, value]) => now[name] !== value);
  const what = 'kernel settings';
  if (wrong.length === 0) return ok(what, wanted.map(([name]) => name).join(', '));
  const found = wrong.map(([name]) => `${name} is ${now[name] ?? 'not there'}`).join(', ');
  return bad('warning', what, found, 'Pods would not reach each other: --fix sets it, now and at each boot', {
    type: 'sysctls',
    values: Object.fromEntries(wrong),
  });
}

function programs({ roles, programs: there }: CheckFacts): Finding[] {
  const missing = PROGRAMS.filter(
    ({ anyOf, role }) => (!role || roles.includes(role)) && !anyOf.some((name) => there.includes(name)),
  );
  if (missing.length === 0) return [ok('programs', there.join(', '))];
  const names = missing.map((one) => one.package);
  const vital = missing.flatMap((one) => (one.otherwise === undefined ? one.package : []));
  const install = `--fix installs what is missing: apt-get install ${names.join(' ')}`;
  const findings = missing.flatMap(({ package: name, otherwise }) =>
    otherwise === undefined ? [] : bad('warning', 'programs', `no ${name}: ${otherwise}`, install),
  );
  if (vital.length > 0) findings.unshift(bad('failure', 'programs', `missing: ${vital.join(', ')}`, install));
  // All in one go, whichever of them is looked at first.
  return findings.map((finding, at) =>
    at === 0 ? { ...finding, fix: { type: 'packages', names } } : finding,
  );
}

function containerd({ containerdSocket }: CheckFacts): Finding[] {
  if (!containerdSocket) return [];
  const { path, answers } = containerdSocket;
  return [
    answers
      ? ok('containerd', `answers at ${path}`)
      : bad(
          'failure',
          'containerd',
          `does not answer at ${path}`,
          'systemctl status containerd says why; without --containerd Coracle runs its own',
        ),
  ];
}

function network({ foreignCni, containerdSocket }: CheckFacts): Finding {
  if (foreignCni.length === 0) return ok('pod network', 'no other configuration in /etc/cni/net.d');
  const found = `${foreignCni.join(', ')} in /etc/cni/net.d`;
  return containerdSocket
    ? bad(
        'warning',
        'pod network',
        found,
        'of another cluster or network plug-in: remove it, or use it with --network none',
      )
    : ok('pod network', `${found}, which Coracle's own containerd does not read`);
}

function clock({ nowMs, isClockSynchronised }: CheckFacts): Finding {
  const now = new Date(nowMs).toISOString().slice(0, 16).replace('T', ' ');
  if (nowMs < EARLIEST_MS)
    return bad(
      'failure',
      'clock',
      `stands at ${now}`,
      'Pods start all the same, but nobody from outside will trust the certificates: a time server, or a battery-backed clock',
      { type: 'clock' },
    );
  return isClockSynchronised
    ? ok('clock', `${now}, synchronised`)
    : bad(
        'warning',
        'clock',
        `${now}, not synchronised`,
        'it will drift: --fix turns on synchronisation (timedatectl set-ntp true)',
        {
          type: 'clock',
        },
      );
}

function swap({ swaps }: CheckFacts): Finding {
  const onDisk = swaps.filter((name) => !/\/zram\d+$/.test(name));
  if (onDisk.length === 0) return ok('swap', swaps.length > 0 ? 'in compressed memory only' : 'none');
  return bad(
    'warning',
    'swap',
    `on ${onDisk.join(', ')}`,
    'it wears the card and makes limits of memory a matter of luck: --fix turns it off, now and at each boot',
    { type: 'swapOff' },
  );
}

function ports({ ports: asked }: CheckFacts): Finding[] {
  const taken = asked.filter(({ holder }) => holder !== undefined && holder !== 'coracle');
  if (asked.length === 0) return [];
  if (taken.length === 0) return [ok('ports', asked.map(({ port }) => port).join(', '))];
  return taken.map(({ port, holder, option }) =>
    bad(
      'failure',
      `port ${port}`,
      `taken${holder ? ` by ${holder}` : ''}`,
      `end that program, or choose another with --${option}`,
    ),
  );
}
