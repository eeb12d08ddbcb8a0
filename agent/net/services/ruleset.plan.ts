/**
 * What the board's nftables table should hold, as data, and the scripts that bring it there: the whole table once, and from
 * then on only what differs. A small change costs the same whether ten Services are there or a thousand, and what the
 * kernel has learnt (session affinity) stays.
 */
export const TABLE = 'coracle';

/** Maps and sets of the table, by name; the key's verdict, or `''` in a set. */
export const MAPS = ['services', 'nodeports', 'refused', 'refused-nodeports', 'hairpin'] as const;
export type MapName = (typeof MAPS)[number];

export interface Ruleset {
  /** Of the table. */
  readonly family: 'ip' | 'ip6';
  /** Everything that does not depend on Services: with a change of it the table is made anew. */
  readonly base: string;
  /** Dynamic sets of session affinity: declaration by name. */
  readonly sets: ReadonlyMap<string, string>;
  /** Rules by chain. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly elements: Readonly<Record<MapName, ReadonlyMap<string, string>>>;
}

/** Replaces whatever the table was, in one transaction. */
export function planWhole({ family, base, sets, chains, elements }: Ruleset): string {
  const table = `${family} ${TABLE}`;
  const lines = [
    `table ${table}`,
    `delete table ${table}`,
    `table ${table} {`,
    base,
    ...[...sets].map(([name, declaration]) => ` set ${name} { ${declaration} }`),
    ...[...chains].map(([name, rules]) => ` chain ${name} { ${rules.map((rule) => `${rule}; `).join('')}}`),
    '}',
    ...MAPS.flatMap((map) => add(table, map, [...elements[map]])),
  ];
  return `${lines.join('\n')}\n`;
}

/** From what was applied to what is wanted; empty when nothing differs; undefined when only the whole table will do. */
export function planDifference(applied: Ruleset, wanted: Ruleset): string | undefined {
  if (applied.base !== wanted.base) return undefined;
  const table = `${wanted.family} ${TABLE}`;
  const lines: string[] = [];
  for (const [name, declaration] of wanted.sets)
    if (!applied.sets.has(name)) lines.push(`add set ${table} ${name} { ${declaration} }`);
  for (const name of wanted.chains.keys())
    if (!applied.chains.has(name)) lines.push(`add chain ${table} ${name}`);
  for (const [name, rules] of wanted.chains) {
    const before = applied.chains.get(name);
    if (before && same(before, rules)) continue;
    if (before) lines.push(`flush chain ${table} ${name}`);
    for (const rule of rules) lines.push(`add rule ${table} ${name} ${rule}`);
  }
  for (const map of MAPS) {
    const before = applied.elements[map];
    const after = wanted.elements[map];
    const gone = [...before].filter(([key, verdict]) => after.get(key) !== verdict);
    const fresh = [...after].filter(([key, verdict]) => before.get(key) !== verdict);
    if (gone.length > 0)
      lines.push(`delete element ${table} ${map} { ${gone.map(([key]) => key).join(', ')} }`);
    lines.push(...add(table, map, fresh));
  }
  const deadChains = [...applied.chains.keys()].filter((name) => !wanted.chains.has(name));
  // All are emptied before the first goes: they may name each other.
  for (const name of deadChains) lines.push(`flush chain ${table} ${name}`);
  for (const name of deadChains) lines.push(`delete chain ${table} ${name}`);
  for (const name of applied.sets.keys())
    if (!wanted.sets.has(name)) lines.push(`delete set ${table} ${name}`);
  return lines.map((line) => `${line}\n`).join('');
}

function add(table: string, map: MapName, elements: readonly (readonly [string, string])[]): string[] {
  if (elements.length === 0) return [];
  const texts = elements.map(([key, verdict]) => (verdict === '' ? key : `${key} : ${verdict}`));
  return [`add element ${table} ${map} { ${texts.join(', ')} }`];
}

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((rule, index) => rule === b[index]);
