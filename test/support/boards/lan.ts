/**
 * A home network for virtual boards: a bridge in a network namespace of its own, 10.77.<n>.0/24, with this machine
 * plugged in as 10.77.<n>.254 and a router at .1 that leads nowhere, or to a second segment, 10.78.<n>.0/24. Several test runs may have theirs at once: each takes
 * the first free number and leaves a file that says whose it is, so that what a dead run left is swept.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cgroupsNamed, processesIn, removeCgroup, setFrozen } from './cgroups.ts';
import { command, must } from './shell.ts';

/** Everything that belongs to a LAN is named by this and its number. */
export const PREFIX = 'coracle-t';
const STATE = '/var/tmp/coracle-test';

export interface Segment {
  /** In the LAN's namespace. */
  readonly bridge: string;
  readonly gatewayIp: string;
  ip(host: number): string;
}

export interface Lan {
  readonly number: number;
  /** Network namespace with the bridge. */
  readonly netns: string;
  /** This machine's address on the LAN. */
  readonly hostIp: string;
  readonly gatewayIp: string;
  /** Holds the boards' disks; gone with the LAN. */
  readonly directory: string;
  ip(host: number): string;
  segment(number: 1 | 2): Segment;
  /** Plugs a second segment into the router, which knows nothing of Pods. */
  addSegment(): Promise<void>;
  stop(): Promise<void>;
}

/** Needs root. Sweeps what earlier runs left, then plugs the cables in. */
export async function startLan(): Promise<Lan> {
  mkdirSync(STATE, { recursive: true });
  await sweepLans();
  const number = claimNumber();
  const netns = `${PREFIX}${number}-lan`;
  const ip = (host: number) => `10.77.${number}.${host}`;
  const cable = `${PREFIX}${number}`;
  const ipIn = (...args: string[]) => must(['ip', '-n', netns, ...args]);
  await must(['ip', 'netns', 'add', netns]);
  await ipIn('link', 'set', 'lo', 'up');
  await ipIn('link', 'add', 'lan0', 'type', 'bridge');
  await ipIn('addr', 'add', `${ip(1)}/24`, 'dev', 'lan0');
  await ipIn('link', 'set', 'lan0', 'up');
  // Refuses at once, so that nothing on a board waits for an internet that is not there.
  await ipIn('route', 'add', 'unreachable', 'default');
  await must(['ip', 'netns', 'exec', netns, 'sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  await must(['ip', 'link', 'add', cable, 'type', 'veth', 'peer', 'name', 'host', 'netns', netns]);
  await ipIn('link', 'set', 'host', 'master', 'lan0', 'up');
  await must(['ip', 'addr', 'add', `${ip(254)}/24`, 'dev', cable]);
  await must(['ip', 'link', 'set', cable, 'up']);
  const directory = join(STATE, `disks-${number}`);
  mkdirSync(directory, { recursive: true });
  const segment = (which: 1 | 2): Segment => {
    const base = `10.${76 + which}.${number}`;
    return { bridge: `lan${which - 1}`, gatewayIp: `${base}.1`, ip: (host) => `${base}.${host}` };
  };
  return {
    number,
    netns,
    segment,
    async addSegment() {
      const { bridge, gatewayIp } = segment(2);
      await ipIn('link', 'add', bridge, 'type', 'bridge');
      await ipIn('addr', 'add', `${gatewayIp}/24`, 'dev', bridge);
      await ipIn('link', 'set', bridge, 'up');
      await must(['ip', 'route', 'replace', `10.78.${number}.0/24`, 'via', ip(1), 'dev', cable]);
    },
    hostIp: ip(254),
    gatewayIp: ip(1),
    directory,
    ip,
    stop: () => removeLan(number),
  };
}

/** Removes what belongs to runs that are gone. Safe at any time: a LAN of a living process stays. */
export async function sweepLans(): Promise<void> {
  if (!existsSync(STATE)) return;
  for (const file of readdirSync(STATE)) {
    const number = /^owner-(\d+)$/.exec(file)?.[1];
    if (number !== undefined && !ownerLives(join(STATE, file))) await removeLan(Number(number));
  }
}

/** A pid alone may have been given to another process since; with its start time it is unique. */
const identityOf = (pid: number): string => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return '';
  }
};

function ownerLives(path: string): boolean {
  const owner = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return owner !== '' && identityOf(Number(owner.split(' ')[0])) === owner;
}

function claimNumber(): number {
  for (let number = 0; number < 100; number++)
    try {
      writeFileSync(join(STATE, `owner-${number}`), identityOf(process.pid), { flag: 'wx' });
      return number;
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== 'EEXIST') throw err;
    }
  throw new Error('100 test networks are in use');
}

async function removeLan(number: number): Promise<void> {
  const prefix = `${PREFIX}${number}-`;
  for (const name of cgroupsNamed(prefix)) await killCgroup(name);
  await command(['ip', 'link', 'del', `${PREFIX}${number}`]);
  const { stdout } = await command(['ip', 'netns', 'list']);
  for (const line of stdout.split('\n')) {
    const [netns = ''] = line.split(' ');
    if (netns.startsWith(prefix)) await command(['ip', 'netns', 'del', netns]);
  }
  rmSync(join(STATE, `disks-${number}`), { recursive: true, force: true });
  rmSync(join(STATE, `owner-${number}`), { force: true });
}

/** Kills all processes of a board and removes its groups. */
export async function killCgroup(name: string): Promise<void> {
  try {
    setFrozen(name, false); // a frozen process cannot die
  } catch {
    // It is gone already.
  }
  for (let attempt = 0; attempt < 1500; attempt++) {
    for (const pid of processesIn(name))
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It died meanwhile.
      }
    if (removeCgroup(name)) return;
    await sleep(20);
  }
  throw new Error(`processes of ${name} do not die: ${processesIn(name).join(' ')}`);
}
