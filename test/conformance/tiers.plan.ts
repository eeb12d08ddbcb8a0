/** Which tests a run takes: by tier, by a regular expression, and whether they may share the cluster with others. */

export const TIERS = ['A', 'B', 'C'] as const;
/** A needs no running container, B containers on a node, C also the Pod network, Services, DNS or calls to Pods. */
export type Tier = (typeof TIERS)[number];

export type TierList = ReadonlyMap<string, Tier>;

export interface Selection {
  readonly tier?: Tier | undefined;
  /** Matched anywhere in a test's full name. */
  readonly focus?: RegExp | undefined;
  readonly skip?: RegExp | undefined;
  /** Every test of the binary, not those marked `[Conformance]` alone. */
  readonly all?: boolean;
}

export interface TestPlan {
  /** May run side by side. */
  readonly parallel: readonly string[];
  /** Marked `[Serial]`: each wants the cluster for itself. */
  readonly serial: readonly string[];
}

const isTier = (text: string): text is Tier => (TIERS as readonly string[]).includes(text);

/** `tiers.txt`: a letter, a blank, a full name; `#` begins a comment. Throws at the first line that is none of it. */
export function parseTiers(text: string): TierList {
  const tiers = new Map<string, Tier>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const [tier = '', name = ''] = [line.slice(0, 1), line.slice(2)];
    if (!isTier(tier) || line[1] !== ' ' || name === '') throw new Error(`tiers, line ${index + 1}: ${line}`);
    if (tiers.has(name)) throw new Error(`tiers, line ${index + 1}: twice: ${name}`);
    tiers.set(name, tier);
  }
  return tiers;
}

/** The names in what `e2e.test --list-tests` prints: `    path/file.go:12: [sig-apps] …`. */
export function parseTestList(text: string): readonly string[] {
  const names = text.split('\n').flatMap((line) => /^ +\S+\.go:\d+: (.+)$/.exec(line)?.[1] ?? []);
  return [...new Set(names)];
}

/** A conformance test that is in no list counts as C, which promises nothing. */
export const tierOf = (tiers: TierList, name: string): Tier => tiers.get(name) ?? 'C';

/** The tests to run, in the order of their names. */
export function planTests(
  names: readonly string[],
  tiers: TierList,
  { tier, focus, skip, all }: Selection,
): TestPlan {
  const chosen = names
    .filter((name) => all || name.includes('[Conformance]'))
    .filter((name) => tier === undefined || tierOf(tiers, name) === tier)
    .filter((name) => focus?.test(name) ?? true)
    .filter((name) => !skip?.test(name))
    .toSorted();
  return {
    parallel: chosen.filter((name) => !name.includes('[Serial]')),
    serial: chosen.filter((name) => name.includes('[Serial]')),
  };
}

/** Whether none of them needs a node. */
export const needsNoNode = (tiers: TierList, { parallel, serial }: TestPlan): boolean =>
  [...parallel, ...serial].every((name) => tierOf(tiers, name) === 'A');

/** An argument of a command may have 128 KiB on Linux. */
const FOCUS_BYTES = 100_000;

/** Regular expressions of Go that match these names alone; several, for one may grow too long for an argument. */
export function focusExpressions(names: readonly string[]): readonly string[] {
  const parts: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const quoted = name.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
    if (bytes + quoted.length > FOCUS_BYTES) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(quoted);
    bytes += quoted.length + 1;
  }
  return parts.map((part) => `(?:${part.join('|')})$`);
}
