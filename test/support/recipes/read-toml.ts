/** As much of TOML as Telegraf's files here use: comments, `key = value`, `[[a.b]]` below the last `[[a]]`; values as JSON has them. */
export type Toml = { [key: string]: unknown };

export function readToml(text: string): Toml {
  const root: Toml = {};
  let table = root;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const heading = /^\[\[([\w.]+)\]\]$/.exec(line)?.[1];
    const [, key, value] = /^(\w+) = (.+)$/.exec(line) ?? [];
    if (heading !== undefined) table = begin(root, heading.split('.'));
    else if (key !== undefined && value !== undefined) table[key] = JSON.parse(value);
    else throw new Error(`line ${index + 1}: ${line}`);
  }
  return root;
}

/** A new table at the end of the list at that path, within the newest of each list above it. */
function begin(root: Toml, path: readonly string[]): Toml {
  let at = root;
  for (const [depth, name] of path.entries()) {
    at[name] ??= depth === 0 && path.length > 1 ? {} : [];
    const list = at[name] as Toml | Toml[];
    if (!Array.isArray(list)) {
      at = list;
      continue;
    }
    if (depth === path.length - 1) list.push({});
    at = list.at(-1) ?? {};
  }
  return at;
}
