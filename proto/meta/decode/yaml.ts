import { LineCounter, parseDocument, type ScalarTag, type Tags } from 'yaml';
import { MAX_NESTING, parseJson, SyntaxProblem } from '#proto/meta/decode/json.ts';
import type { StrictErrors } from '#proto/meta/decode/strict.ts';

/** Go's YAML reads `0o17` as an octal number too. */
const octal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  format: 'OCT',
  test: /^[-+]?0o[0-7]+$/,
  resolve: (text) => (text.startsWith('-') ? -1 : 1) * Number.parseInt(text.replace(/^[-+]?0o/, ''), 8),
};

/** Timestamps and base-60 numbers stay strings, as kubectl's YAML has them. */
const customTags = (tags: Tags): Tags => [
  ...tags.filter((tag) => typeof tag === 'string' || !(tag.format === 'TIME' || /timestamp/.test(tag.tag))),
  octal,
];

/**
 * The value of one YAML document, read as kubectl reads it: YAML 1.1, where `yes` is true and `0644` octal.
 * Anchors that multiply are refused. With `strict`, doubled keys are reported.
 */
export function parseYaml(text: string, strict?: StrictErrors): unknown {
  if (text.startsWith('{')) {
    // JSON is YAML, kubectl sends it as such, and JSON.parse is far quicker.
    try {
      return parseJson(text, strict);
    } catch {
      // Flow style that is YAML only.
    }
  }
  const lines = new LineCounter();
  try {
    const document = parseDocument(text, {
      version: '1.1',
      schema: 'yaml-1.1',
      customTags,
      lineCounter: lines,
      uniqueKeys: strict !== undefined,
      prettyErrors: false,
      logLevel: 'error',
    });
    for (const error of document.errors) {
      const line = lines.linePos(error.pos[0]).line;
      if (error.code !== 'DUPLICATE_KEY' || !strict)
        throw new SyntaxProblem(`yaml: line ${line}: ${error.message}`);
      const key = /^[^:\n]*/.exec(text.slice(error.pos[0], error.pos[0] + 256))?.[0] ?? '';
      strict.add(
        `yaml: unmarshal errors:\n  line ${line}: key ${JSON.stringify(key.trim())} already set in map`,
      );
    }
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    if (deeper(value, MAX_NESTING)) throw new SyntaxProblem('exceeded max depth');
    return plain(value);
  } catch (cause) {
    if (cause instanceof SyntaxProblem) throw cause;
    throw new SyntaxProblem(`yaml: ${cause instanceof Error ? cause.message : 'not YAML'}`, { cause });
  }
}

function deeper(value: unknown, most: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return most === 0 || Object.values(value).some((inner) => deeper(inner, most - 1));
}

/** Only what JSON has: no dates, bigints, bytes or sets, and no object that two places share. */
function plain(value: unknown): unknown {
  return value === undefined
    ? null
    : JSON.parse(JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? Number(v) : v)));
}
