import { isSameType } from '#server/cel/assign.ts';
import type { CallExpr, Expr, ListExpr, MapExpr } from '#server/cel/ast.ts';
import { clauseProblem, clausesOf } from '#server/cel/library/text-format.ts';
import { compileRegex } from '#server/cel/regex/regex.ts';
import { RegexProblem } from '#server/cel/regex/syntax.ts';
import type { Issue } from '#server/cel/source.ts';
import { parseDuration, parseTimestamp } from '#server/cel/time.ts';
import { type CelType, formatType } from '#server/cel/type.ts';
import { Fault } from '#server/cel/value.ts';

/**
 * What the types allow and Kubernetes does not: times, durations and patterns that can never work, and lists and maps
 * of different types. Rule: cel-go `cel/validator.go`.
 */
export function checkLiterals(root: Expr, typeOf: (part: Expr) => CelType): Issue[] {
  const issues: Issue[] = [];
  const visit = (node: Expr, isExempt: boolean): void => {
    if (node.kind === 'call') checkArgument(node, issues);
    if (node.kind === 'call' && node.name === 'format') checkFormat(node, typeOf, issues);
    if (!isExempt && node.kind === 'list') checkItems(node, typeOf, issues);
    if (!isExempt && node.kind === 'map') checkEntries(node, typeOf, issues);
    // The arguments of a format are a list of whatever there is.
    const inside = isExempt || (node.kind === 'call' && node.name === 'format');
    for (const child of childrenOf(node)) visit(child, inside);
  };
  visit(root, false);
  return issues;
}

function checkArgument(call: CallExpr, issues: Issue[]): void {
  const argument = call.args.at(-1);
  if (argument?.kind !== 'literal' || typeof argument.value !== 'string') return;
  if (isWrong(call, argument.value))
    issues.push({ at: argument.at, message: `invalid ${call.name} argument` });
}

/** A literal pattern and the arguments that it is given. */
function checkFormat({ at, target, args }: CallExpr, typeOf: (part: Expr) => CelType, issues: Issue[]): void {
  const [list] = args;
  if (target?.kind !== 'literal' || typeof target.value !== 'string' || list?.kind !== 'list') return;
  const clauses = clausesOf(target.value);
  if (clauses instanceof Fault) {
    issues.push({ at, message: clauses.fault });
    return;
  }
  const verbs = clauses.flatMap(({ verb }) => (verb === undefined ? [] : [verb]));
  for (const [i, verb] of verbs.entries()) {
    const item = list.items[i]?.value;
    const message = item ? clauseProblem(verb, typeOf(item)) : `index ${i} out of range`;
    if (message === undefined) continue;
    issues.push({ at: item?.at ?? at, message });
    return;
  }
  const given = list.items.length;
  if (given > verbs.length) {
    const message = `too many arguments supplied to string.format (expected ${verbs.length}, got ${given})`;
    issues.push({ at, message });
  }
}

function isWrong({ name, target, args }: CallExpr, text: string): boolean {
  if (name === 'duration' && !target) return parseDuration(text) === undefined;
  if (name === 'timestamp' && !target) return parseTimestamp(text) === undefined;
  return name === 'matches' && args.length === (target ? 1 : 2) && !isRegex(text);
}

export function isRegex(text: string): boolean {
  try {
    compileRegex(text);
    return true;
  } catch (err) {
    if (err instanceof RegexProblem) return false;
    throw err;
  }
}

const mismatch = ({ at }: Expr, expected: CelType, found: CelType): Issue => ({
  at,
  message: `expected type '${formatType(expected)}' but found '${formatType(found)}'`,
});

const inner = (type: CelType, isOptional: boolean): CelType =>
  isOptional && type.kind === 'opaque' ? (type.params[0] ?? type) : type;

function checkItems({ items }: ListExpr, typeOf: (part: Expr) => CelType, issues: Issue[]): void {
  let expected: CelType | undefined;
  for (const { value, isOptional } of items) {
    const found = inner(typeOf(value), isOptional);
    expected ??= found;
    if (isSameType(expected, found)) continue;
    issues.push(mismatch(value, expected, found));
    return;
  }
}

function checkEntries({ entries }: MapExpr, typeOf: (part: Expr) => CelType, issues: Issue[]): void {
  let expected: { readonly key: CelType; readonly value: CelType } | undefined;
  for (const { key, value, isOptional } of entries) {
    const found = { key: typeOf(key), value: inner(typeOf(value), isOptional) };
    expected ??= found;
    if (!isSameType(expected.key, found.key)) issues.push(mismatch(key, expected.key, found.key));
    if (!isSameType(expected.value, found.value)) issues.push(mismatch(value, expected.value, found.value));
  }
}

function childrenOf(node: Expr): readonly Expr[] {
  switch (node.kind) {
    case 'select':
      return [node.operand];
    case 'call':
      return node.target ? [node.target, ...node.args] : node.args;
    case 'list':
      return node.items.map(({ value }) => value);
    case 'map':
      return node.entries.flatMap(({ key, value }) => [key, value]);
    case 'struct':
      return node.fields.map(({ value }) => value);
    case 'fold':
      return [node.range, node.init, node.condition, node.step, node.result];
    default:
      return [];
  }
}
