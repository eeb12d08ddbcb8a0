/**
 * A table of nftables as data, and the scripts that bring the kernel there: the whole table once, and from then on only what
 * differs, in one transaction each. So a small change costs the same among a thousand rules, and what the kernel has learnt
 * (dynamic sets) stays.
 */
export interface NftTable {
  readonly family: 'ip' | 'ip6' | 'inet' | 'bridge';
  readonly name: string;
  /** Sets and maps that are always there, and the chains with hooks: with a change of it the table is made anew. */
  readonly base: string;
  /** Sets and maps of `base` and others, by name. */
  readonly sets: ReadonlyMap<string, NftSet>;
  /** Rules by chain, without hooks. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
}

export interface NftSet {
  /** `type ipv4_addr;`; undefined where `base` declares it. The same name must mean the same declaration. */
  readonly declaration: string | undefined;
  /** The key's verdict, or `''` in a set. None in a dynamic set, which the kernel fills. */
  readonly elements: ReadonlyMap<string, string>;
}

/** Replaces whatever the table was. */
export function planWhole({ family, name, base, sets, chains }: NftTable): string {
  const table = `${family} ${name}`;
  const lines = [
    `table ${table}`,
    `delete table ${table}`,
    `table ${table} {`,
    ...[...sets].flatMap(([set, { declaration }]) => (declaration ? [` set ${set} { ${declaration} }`] : [])),
    base,
    ...[...chains].map(([chain, rules]) => ` chain ${chain} { ${rules.map((rule) => `${rule}; `).join('')}}`),
    '}',
    ...[...sets].flatMap(([set, { elements }]) => add(table, set, [...elements])),
  ];
  return text(lines);
}

/** From what was applied to what is wanted; empty when nothing differs; undefined when only the whole table will do. */
export function planDifference(applied: NftTable, wanted: NftTable): string | undefined {
  if (applied.base !== wanted.base) return undefined;
  const table = `${wanted.family} ${wanted.name}`;
  const lines: string[] = [];
  for (const [set, { declaration }] of wanted.sets)
    if (!applied.sets.has(set)) lines.push(`add set ${table} ${set} { ${declaration} }`);
  for (const chain of wanted.chains.keys())
    if (!applied.chains.has(chain)) lines.push(`add chain ${table} ${chain}`);
  for (const [chain, rules] of wanted.chains) {
    const before = applied.chains.get(chain);
    if (before && before.length === rules.length && before.every((rule, i) => rule === rules[i])) continue;
    if (before) lines.push(`flush chain ${table} ${chain}`);
    for (const rule of rules) lines.push(`add rule ${table} ${chain} ${rule}`);
  }
  for (const [set, { elements }] of wanted.sets) {
    const before = applied.sets.get(set)?.elements ?? new Map<string, string>();
    const gone = [...before].filter(([key, verdict]) => elements.get(key) !== verdict);
    const fresh = [...elements].filter(([key, verdict]) => before.get(key) !== verdict);
    if (gone.length > 0)
      lines.push(`delete element ${table} ${set} { ${gone.map(([key]) => key).join(', ')} }`);
    lines.push(...add(table, set, fresh));
  }
  const deadChains = [...applied.chains.keys()].filter((chain) => !wanted.chains.has(chain));
  // All are emptied before the first goes: they may name each other.
  for (const chain of deadChains) lines.push(`flush chain ${table} ${chain}`);
  for (const chain of deadChains) lines.push(`delete chain ${table} ${chain}`);
  for (const set of applied.sets.keys()) if (!wanted.sets.has(set)) lines.push(`delete set ${table} ${set}`);
  return text(lines);
}

const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

function add(table: string, set: string, elements: readonly (readonly [string, string])[]): string[] {
  if (elements.length === 0) return [];
  const texts = elements.map(([key, verdict]) => (verdict === '' ? key : `${key} : ${verdict}`));
  return [`add element ${table} ${set} { ${texts.join(', ')} }`];
}
