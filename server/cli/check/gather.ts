/** Looks at the machine, below `root`: `/`, or a recorded tree in a test. Nothing is changed but one small file in the data folder. */
import { execFile } from 'node:child_process';
import { access, open, readdir, readFile, readlink, rm, statfs } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import os from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CheckFacts, Role } from './facts.ts';
import { PROGRAMS } from './programs.plan.ts';

const run = promisify(execFile);

export interface GatherOptions {
  readonly root: string;
  readonly roles: readonly Role[];
  readonly dataDir: string;
  /** Socket of a containerd to use; '' for Coracle's own. */
  readonly containerd: string;
  readonly ports: readonly { readonly port: number; readonly option: string }[];
}

const PROGRAM_FOLDERS = ['usr/local/sbin', 'usr/local/bin', 'usr/sbin', 'usr/bin', 'sbin', 'bin'];
const CNI_FOLDERS = ['usr/lib/cni', 'opt/cni/bin'];
const BOOT_LINES = ['boot/firmware/cmdline.txt', 'boot/cmdline.txt'];
const MODULES = ['overlay', 'nf_tables', 'br_netfilter', 'vxlan'];
const SYSCTLS = ['net.ipv4.ip_forward', 'net.bridge.bridge-nf-call-iptables'];
const OWN_CNI = '10-coracle.conflist';

export async function gatherFacts(options: GatherOptions): Promise<CheckFacts> {
  const { root, roles, dataDir, containerd } = options;
  const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8').catch(() => '');
  const has = (path: string): Promise<boolean> =>
    access(join(root, path)).then(
      () => true,
      () => false,
    );
  const [machine, cgroup, modules, cni, disk] = await Promise.all([
    read('proc/sys/kernel/arch').then((text) => text.trim() || os.machine()),
    readCgroups(read),
    readModules(root, read, has),
    readdir(join(root, 'etc/cni/net.d')).catch(() => []),
    probeDisk(join(root, dataDir)),
  ]);
  const meminfo = /^MemTotal: +(\d+) kB/m.exec(await read('proc/meminfo'))?.[1];
  return {
    roles,
    isRoot: process.getuid?.() === 0,
    architecture: process.arch,
    machine,
    hostname: (await read('proc/sys/kernel/hostname')).trim() || os.hostname(),
    memoryBytes: Number(meminfo ?? 0) * 1024,
    dataDir,
    ...disk,
    ...cgroup,
    bootLine: await readBootLine(root),
    ...modules,
    sysctls: await readSysctls(read),
    programs: await findPrograms(has),
    containerdSocket: containerd
      ? { path: containerd, answers: await answers(join(root, containerd)) }
      : undefined,
    foreignCni: cni.filter((name) => /\.(conf|conflist|json)$/.test(name) && name !== OWN_CNI),
    nowMs: Date.now(),
    isClockSynchronised: await isSynchronised(has),
    swaps: (await read('proc/swaps'))
      .split('\n')
      .slice(1)
      .flatMap((line) => line.split(/\s+/)[0] || []),
    ports: await Promise.all(
      options.ports.map(async (one) => ({ ...one, holder: await holderOf(one.port, root) })),
    ),
  };
}

type Read = (path: string) => Promise<string>;
type Has = (path: string) => Promise<boolean>;

async function readCgroups(read: Read): Promise<Pick<CheckFacts, 'cgroupVersion' | 'cgroupControllers'>> {
  const unified = (await read('sys/fs/cgroup/cgroup.controllers')).trim();
  if (unified) return { cgroupVersion: 2, cgroupControllers: unified.split(' ') };
  const rows = (await read('proc/cgroups')).split('\n').map((line) => line.split('\t'));
  const enabled = rows.flatMap(([name = '', , , on]) => (on === '1' ? [name] : []));
  return { cgroupVersion: 1, cgroupControllers: enabled };
}

async function readBootLine(root: string): Promise<CheckFacts['bootLine']> {
  for (const file of BOOT_LINES) {
    const text = await readFile(join(root, file), 'utf8').catch(() => undefined);
    // A file of that name that only says where the real one is has no root= in it.
    if (text?.includes('root=')) return { file: `/${file}`, text: text.split('\n')[0] ?? '' };
  }
  return undefined;
}

async function readModules(
  root: string,
  read: Read,
  has: Has,
): Promise<Pick<CheckFacts, 'modulesThere' | 'modulesLoadable'>> {
  const release = (await read('proc/sys/kernel/osrelease')).trim();
  const [loaded, builtin, dep, filesystems] = await Promise.all([
    read('proc/modules'),
    read(`lib/modules/${release}/modules.builtin`),
    read(`lib/modules/${release}/modules.dep`),
    read('proc/filesystems'),
  ]);
  const named = (text: string, name: string): boolean =>
    new RegExp(`/${name.replace('_', '[-_]')}\\.ko`).test(text);
  const there: string[] = [];
  for (const name of MODULES)
    if (
      new RegExp(`^${name} `, 'm').test(loaded) ||
      named(builtin, name) ||
      (await has(`sys/module/${name}`)) ||
      (name === 'overlay' && /\toverlay$/m.test(filesystems)) ||
      (name === 'br_netfilter' && (await has('proc/sys/net/bridge'))) ||
      (name === 'nf_tables' && root === '/' && (await succeeds('nft', ['list', 'tables'])))
    )
      there.push(name);
  return {
    modulesThere: there,
    modulesLoadable: MODULES.filter((name) => !there.includes(name) && named(dep, name)),
  };
}

async function readSysctls(read: Read): Promise<Readonly<Record<string, string>>> {
  const values: Record<string, string> = {};
  for (const name of SYSCTLS) {
    const text = await read(`proc/sys/${name.replaceAll('.', '/')}`);
    if (text) values[name] = text.trim();
  }
  return values;
}

async function findPrograms(has: Has): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of PROGRAMS.flatMap(({ anyOf }) => anyOf))
    for (const folder of PROGRAM_FOLDERS)
      if (!found.includes(name) && (await has(`${folder}/${name}`))) found.push(name);
  for (const folder of CNI_FOLDERS)
    if (!found.includes('bridge') && (await has(`${folder}/bridge`))) found.push('bridge');
  return found;
}

const WRITES = 9;

/** Free space, and how long the disk takes for a small write that has to be on it. */
async function probeDisk(
  dataDir: string,
): Promise<Pick<CheckFacts, 'diskFreeBytes' | 'syncedWriteMs' | 'isReadOnly'>> {
  let folder = dataDir;
  while (
    !(await access(folder).then(
      () => true,
      () => false,
    )) &&
    folder !== '/'
  )
    folder = join(folder, '..');
  const fs = await statfs(folder).catch(() => undefined);
  const diskFreeBytes = fs ? fs.bavail * fs.bsize : 0;
  const file = join(folder, `.coracle-check-${process.pid}`);
  try {
    const handle = await open(file, 'wx', 0o600);
    try {
      const times: number[] = [];
      for (let i = 0; i < WRITES; i++) {
        const begun = performance.now();
        await handle.write(Buffer.alloc(4096, i));
        await handle.datasync();
        times.push(performance.now() - begun);
      }
      return { diskFreeBytes, syncedWriteMs: times.sort((a, b) => a - b)[WRITES >> 1], isReadOnly: false };
    } finally {
      await handle.close();
      await rm(file, { force: true });
    }
  } catch (err) {
    const isReadOnly = (err as NodeJS.ErrnoException).code === 'EROFS';
    return { diskFreeBytes, syncedWriteMs: undefined, isReadOnly };
  }
}

async function isSynchronised(has: Has): Promise<boolean> {
  return (
    (await has('run/systemd/timesync/synchronized')) ||
    (await has('run/chrony/chronyd.pid')) ||
    (await has('run/ntpd.pid'))
  );
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const done = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
    socket.setTimeout(2000, () => done(false));
  });
}

/** Who listens on a TCP port; undefined: nobody. */
async function holderOf(port: number, root: string): Promise<string | undefined> {
  const isFree = await new Promise<boolean>((resolve) => {
    const server = createServer();
    server.once('error', (err: NodeJS.ErrnoException) => resolve(err.code !== 'EADDRINUSE'));
    server.listen({ port, host: '::', exclusive: true }, () => server.close(() => resolve(true)));
  });
  return isFree ? undefined : programOn(port, root);
}

async function programOn(port: number, root: string): Promise<string> {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(join(root, 'proc/net', name), 'utf8').catch(() => '')),
  );
  const rows = tables
    .join('\n')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const listening = rows.find(([, local = '', , state]) => local.endsWith(`:${hex}`) && state === '0A');
  const link = `socket:[${listening?.[9]}]`;
  for (const pid of await readdir(join(root, 'proc')).catch(() => [])) {
    if (!/^\d+$/.test(pid)) continue;
    const folder = join(root, 'proc', pid);
    for (const fd of await readdir(join(folder, 'fd')).catch(() => []))
      if ((await readlink(join(folder, 'fd', fd)).catch(() => '')) === link) return nameOf(folder);
  }
  return '';
}

/** A Node program is called by what it runs. */
async function nameOf(folder: string): Promise<string> {
  const command = (await readFile(join(folder, 'cmdline'), 'utf8').catch(() => '')).split('\0');
  if (command.some((part) => /coracle(\.mjs)?$/.test(part))) return 'coracle';
  return (await readFile(join(folder, 'comm'), 'utf8').catch(() => '')).trim();
}

const succeeds = (program: string, args: readonly string[]): Promise<boolean> =>
  run(program, args, { timeout: 5000 }).then(
    () => true,
    () => false,
  );
