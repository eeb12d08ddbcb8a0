import type { Library } from '#server/cel/functions.ts';
import { matching } from '#server/cel/library/costs.ts';
import type { Match, Regex } from '#server/cel/regex/regex.ts';
import type { Run } from '#server/cel/run.ts';
import { type CelValue, Fault, ValueList } from '#server/cel/value.ts';

/** `matches` of the language, `find` and `findAll` of Kubernetes. */
export function matches(text: string, pattern: string, run: Run): boolean | Fault {
  const regex = run.regex(pattern);
  return regex instanceof Fault ? regex : search(regex, text, 0, run) !== undefined;
}

const search = (regex: Regex, text: string, from: number, run: Run): Match | undefined =>
  regex.find(text, from, (steps) => run.work(steps));

const illegal = ({ fault }: Fault): Fault => new Fault(`Illegal regex: ${fault}`);

function find(text: string, pattern: string, run: Run): string | Fault {
  const regex = run.regex(pattern);
  if (regex instanceof Fault) return illegal(regex);
  const match = search(regex, text, 0, run);
  return match ? text.slice(match.start, match.end) : '';
}

/** All matches that do not overlap, at most `limit`; an empty one not right behind another. */
function findAll(text: string, pattern: string, limit: bigint, run: Run): CelValue | Fault {
  const regex = run.regex(pattern);
  if (regex instanceof Fault) return illegal(regex);
  const found: string[] = [];
  let previous = -1;
  for (let at = 0; at <= text.length && (limit < 0n || BigInt(found.length) < limit); ) {
    const match = search(regex, text, at, run);
    if (!match) break;
    const isEmpty = match.start === match.end;
    if (!isEmpty || match.start !== previous) found.push(text.slice(match.start, match.end));
    previous = match.end;
    at = isEmpty ? match.end + ((text.codePointAt(match.end) ?? 0) > 0xffff ? 2 : 1) : match.end;
  }
  return new ValueList(found);
}

export const regexes: Library = {
  find: [['string.(string) string', find, matching]],
  findAll: [
    [
      'string.(string) list<string>',
      (text: string, pattern: string, run: Run) => findAll(text, pattern, -1n, run),
      matching,
    ],
    ['string.(string, int) list<string>', findAll, matching],
  ],
};
