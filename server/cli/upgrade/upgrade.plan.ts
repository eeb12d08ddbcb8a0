/** Which boards an upgrade goes to, in which order, and why not to the others. */
import { compareVersions } from '#proto/upgrade/version.ts';

/** What a flashed board says of its system. */
export interface BoardSystem {
  readonly board: string;
  readonly role: 'server' | 'agent';
  readonly version: string;
  readonly slot: 'a' | 'b';
  readonly state: { readonly good: 'a' | 'b'; readonly try?: 'a' | 'b' };
  readonly kernel: 'a' | 'b';
  readonly nextKernel: 'a' | 'b';
}

export interface BoardNode {
  readonly name: string;
  /** Undefined: not flashed, or not in reach. */
  readonly system: BoardSystem | undefined;
}

export interface Upgrade {
  readonly board: string;
  readonly role: 'server' | 'agent';
  readonly version: string;
  readonly sha256: string;
}

export interface UpgradeStep<U extends Upgrade> {
  readonly node: string;
  readonly upgrade: U;
  readonly from: string;
}

export interface UpgradePlan<U extends Upgrade> {
  readonly steps: readonly UpgradeStep<U>[];
  readonly skipped: readonly { readonly node: string; readonly reason: string }[];
}

export interface UpgradeOptions {
  /** Empty: all. */
  readonly only: readonly string[];
  /** Also where that version runs already. */
  readonly again: boolean;
  /** Counts where no board says that it is the server. */
  readonly serverVersion: string | undefined;
}

/**
 * The server first, for it may be newer than its agents and never older by a minor release (upstream's version skew policy);
 * then agents by name, one at a time.
 */
export function planUpgrade<U extends Upgrade>(
  boards: readonly BoardNode[],
  upgrades: readonly U[],
  { only, again, serverVersion }: UpgradeOptions,
): UpgradePlan<U> {
  const steps: UpgradeStep<U>[] = [];
  const skipped: { node: string; reason: string }[] = [];
  const wanted = boards
    .filter(({ name }) => only.length === 0 || only.includes(name))
    .toSorted((a, b) => Number(isServer(b)) - Number(isServer(a)) || (a.name < b.name ? -1 : 1));
  /** The version that the server will have when it is an agent's turn. */
  const serverAfter = (steps: readonly UpgradeStep<U>[]): string | undefined =>
    steps.find(({ upgrade }) => upgrade.role === 'server')?.upgrade.version ??
    boards.find(isServer)?.system?.version ??
    serverVersion;
  for (const name of only)
    if (!boards.some((board) => board.name === name))
      skipped.push({ node: name, reason: 'there is no such node' });
  for (const { name, system } of wanted) {
    const skip = (reason: string): void => void skipped.push({ node: name, reason });
    if (!system) {
      skip('was not flashed with an image of Coracle, or is not in reach');
      continue;
    }
    const { board, role, version, slot, state } = system;
    const upgrade = upgrades.find((one) => one.board === board && one.role === role);
    if (!upgrade) skip(`no upgrade for ${board}, ${role} among what was given`);
    else if (state.good !== slot) skip('its system is on trial right now');
    else if (compareVersions(upgrade.version, version) < 0)
      skip(`has ${version}, newer than ${upgrade.version}`);
    else if (!again && compareVersions(upgrade.version, version) === 0) skip(`has ${version} already`);
    else {
      const limit = role === 'agent' ? serverAfter(steps) : undefined;
      const newer = compareVersions(upgrade.version, version) > 0;
      if (newer && limit !== undefined && compareVersions(minorOf(upgrade.version), minorOf(limit)) > 0)
        skip(`would be newer than the server, ${upgrade.version} and ${limit}: the server goes first`);
      else steps.push({ node: name, upgrade, from: version });
    }
  }
  return { steps, skipped };
}

const isServer = ({ system }: BoardNode): boolean => system?.role === 'server';

/** Of `1.2.3` what must not be newer on an agent: `1.2`. */
const minorOf = (version: string): string => version.split('.', 2).join('.');

export interface DrainPod {
  readonly namespace: string;
  readonly name: string;
  /** Kind of the controlling owner. */
  readonly controller: string | undefined;
  readonly mirror: boolean;
  readonly finished: boolean;
}

/**
 * Who has to move while a board starts again: what has a controller that starts it elsewhere. A DaemonSet's Pods belong to
 * the board, and a Pod of nobody would be lost: the board's agent starts it again by itself.
 */
export const planDrain = (pods: readonly DrainPod[]): readonly DrainPod[] =>
  pods.filter(
    ({ controller, mirror, finished }) =>
      !mirror && !finished && controller !== undefined && controller !== 'DaemonSet' && controller !== 'Node',
  );

/** Where a board stands that was told to start with another system. */
export type Progress =
  | { readonly kind: 'waiting'; readonly why: string }
  | { readonly kind: 'done'; readonly kernelNext: boolean }
  | { readonly kind: 'rolled back' };

/** `before` is the slot that ran when the upgrade was given. */
export function progressOf(system: BoardSystem | undefined, before: 'a' | 'b', sameBoot: boolean): Progress {
  if (!system || sameBoot) return { kind: 'waiting', why: 'is starting again' };
  if (system.slot === before)
    return system.state.try === undefined || system.state.good === before
      ? { kind: 'rolled back' }
      : { kind: 'waiting', why: 'is starting again' };
  if (system.state.good !== system.slot)
    return { kind: 'waiting', why: 'runs the new system and proves itself' };
  return { kind: 'done', kernelNext: system.nextKernel !== system.kernel };
}
