import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CAP_SYS_RESOURCE = 24n;

/** What a board has to run containers with. */
export interface ContainerdTools {
  readonly binary: string;
  readonly version: string;
  /** By handler; the first is the default: crun starts faster and costs a third for an exec probe. */
  readonly runtimes: Readonly<Record<string, string>>;
  readonly cniBinDir: string;
  readonly appArmor: boolean;
  readonly restrictOomScoreAdj: boolean;
}

/** Rejects with what is missing and how to get it. */
export async function findContainerd(path: string): Promise<ContainerdTools> {
  const folders = [
    ...path.split(':').filter((folder) => folder !== ''),
    '/usr/local/sbin',
    '/usr/local/bin',
    '/usr/sbin',
    '/usr/bin',
  ];
  const find = (name: string): Promise<string | undefined> =>
    firstOf(folders.map((folder) => join(folder, name)));
  const binary = await find('containerd');
  if (!binary) throw new Error('containerd is not installed: apt install containerd');
  // A hybrid of cgroup v1 and v2 is what crun refuses to run in.
  const crun = (await isHybrid()) ? undefined : await find('crun');
  const runc = await find('runc');
  if (!crun && !runc) throw new Error('neither crun nor runc is installed: apt install crun');
  const cniBridge = await firstOf(['/opt/cni/bin/bridge', '/usr/lib/cni/bridge', '/usr/libexec/cni/bridge']);
  if (!cniBridge)
    throw new Error('the CNI plugins are not installed: apt install containernetworking-plugins');
  const { stdout } = await run(binary, ['--version']);
  return {
    binary,
    version: parseContainerdVersion(stdout),
    runtimes: { ...(crun ? { crun } : {}), ...(runc ? { runc } : {}) },
    cniBinDir: join(cniBridge, '..'),
    appArmor: (await read('/sys/module/apparmor/parameters/enabled'))?.startsWith('Y') ?? false,
    restrictOomScoreAdj: !mayLowerOomScore((await read('/proc/self/status')) ?? ''),
  };
}

/** `containerd github.com/containerd/containerd/v2 v2.1.3 …`, `containerd github.com/containerd/containerd 1.6.20~ds1 …` */
export function parseContainerdVersion(text: string): string {
  const version = text.split(/\s+/)[2]?.replace(/^v/, '') ?? '';
  if (!/^\d+\.\d+/.test(version)) throw new Error(`"${text.trim()}" is no version of containerd`);
  return version;
}

/** By the effective capabilities of `/proc/self/status`. */
export function mayLowerOomScore(status: string): boolean {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return mask === undefined || ((BigInt(`0x${mask}`) >> CAP_SYS_RESOURCE) & 1n) === 1n;
}

async function isHybrid(): Promise<boolean> {
  return (await firstOf(['/sys/fs/cgroup/unified/cgroup.controllers'], constants.F_OK)) !== undefined;
}

async function firstOf(paths: readonly string[], mode = constants.X_OK): Promise<string | undefined> {
  for (const path of paths) {
    const found = await access(path, mode).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}

function read(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}
