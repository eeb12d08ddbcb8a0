/** One problem of an expression, at a place in it. `at` counts UTF-16 units; -1 is nowhere. */
export interface Issue {
  readonly at: number;
  readonly message: string;
}

const MAX_ISSUES = 100;

/**
 * The problems as cel-go prints them, in the order of their places, each with its line and a mark under the place:
 *
 *     ERROR: <input>:1:8: undeclared reference to 'foo' (in container '')
 *      | object.foo
 *      | .......^
 */
export function formatIssues(source: string, issues: readonly Issue[]): string {
  const lines = source.split('\n').map((line) => [...line]);
  const placed = issues
    .slice(0, MAX_ISSUES)
    .map(({ at, message }) => ({ ...place(lines, codePointAt(source, at)), message }));
  const sorted = placed.sort((a, b) => a.line - b.line || a.column - b.column);
  const texts = sorted.map(({ line, column, message }) => {
    const head = `ERROR: <input>:${line}:${column + 1}: ${message}`;
    const text = lines[line - 1];
    return text === undefined
      ? head
      : `${head}\n | ${text.join('').replaceAll('\t', ' ')}\n | ${mark(text, column)}`;
  });
  if (issues.length > MAX_ISSUES) texts.push(`${issues.length - MAX_ISSUES} more errors were truncated`);
  return texts.join('\n');
}

const codePointAt = (source: string, at: number): number => (at < 0 ? -1 : [...source.slice(0, at)].length);

function place(lines: readonly (readonly string[])[], offset: number): { line: number; column: number } {
  if (offset < 0) return { line: -1, column: -1 };
  let column = offset;
  for (const [index, line] of lines.entries()) {
    if (column <= line.length) return { line: index + 1, column };
    column -= line.length + 1;
  }
  return { line: lines.length, column: lines.at(-1)?.length ?? 0 };
}

/** Dots up to the place, wide ones under wide characters, as cel-go has it. */
function mark(line: readonly string[], column: number): string {
  const isWide = (char: string | undefined): boolean =>
    char !== undefined && (char.codePointAt(0) ?? 0) > 0x7f;
  const dots = line.slice(0, Math.max(column, 0)).map((char) => (isWide(char) ? '\uff0e' : '.'));
  return `${dots.join('')}${isWide(line[Math.max(column, 0)]) ? '\uff3e' : '^'}`;
}
