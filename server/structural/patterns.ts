import { compileRegex, type Regex } from '#server/cel/regex/regex.ts';
import { RegexProblem } from '#server/cel/regex/syntax.ts';

const MOST_COMPILED = 200;

/**
 * The patterns of one schema, in Go's syntax, compiled when first needed. They take time in proportion to the text,
 * whoever wrote them.
 */
export class Patterns {
  readonly #known = new Map<string, Regex>();

  /** Is the pattern anywhere in the text? Throws a `RegexProblem` for a pattern that is none. */
  matches(pattern: string, text: string): boolean {
    let known = this.#known.get(pattern);
    if (!known) {
      known = compileRegex(pattern);
      if (this.#known.size >= MOST_COMPILED) this.#known.clear();
      this.#known.set(pattern, known);
    }
    return known.find(text, 0, () => {}) !== undefined;
  }
}

/** Why a pattern is no regular expression, in Go's words; undefined where it is one. */
export function patternProblem(pattern: string): string | undefined {
  try {
    compileRegex(pattern);
    return undefined;
  } catch (err) {
    if (err instanceof RegexProblem) return err.message;
    throw err;
  }
}
