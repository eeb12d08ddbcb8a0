import {
  ACCUMULATOR,
  type CallExpr,
  type Expr,
  type FoldExpr,
  OPERATOR,
  type SelectExpr,
} from '#server/cel/ast.ts';
import type { Checked } from '#server/cel/checker.ts';
import type { SchemaSizes } from '#server/cel/engine.ts';
import { type Argument, estimateCall, unite } from '#server/cel/estimate-call.ts';
import type { Overload } from '#server/cel/functions.ts';
import { either, exactly, plus, type Range, times, UNKNOWN } from '#server/cel/range.ts';
import type { CelType } from '#server/cel/type.ts';
import { sizeOf } from '#server/cel/value.ts';

type Path = readonly string[];

/** Of the keys (or indices) and the values (or items) of a list or map that an expression makes. */
interface Entries {
  readonly container: 'list' | 'map';
  readonly key: Range;
  readonly value: Range;
}

interface Local {
  readonly path: Path;
  readonly size: Range | undefined;
  readonly entries: Entries | undefined;
}

const NOTHING = exactly(0);
const ONE = exactly(1);
const LIST = exactly(10);
const MAP = exactly(30);
const STRUCT = exactly(40);
const SCALARS: readonly string[] = ['bool', 'double', 'duration', 'int', 'timestamp', 'uint'];

/**
 * What evaluating an expression costs at most, for values of any size that a schema allows; `Infinity` where nothing bounds
 * it. Rule: cel-go `checker/cost.go`.
 */
export const estimateCost = (expr: Expr, checked: Checked, sizes: SchemaSizes): number =>
  new Estimator(checked, sizes).cost(expr).max;

class Estimator {
  readonly #checked: Checked;
  readonly #schema: SchemaSizes;
  readonly #paths = new Map<Expr, Path>();
  readonly #sizes = new Map<Expr, Range>();
  readonly #entries = new Map<Expr, Entries>();
  readonly #locals = new Map<string, Local[]>();

  constructor(checked: Checked, schema: SchemaSizes) {
    this.#checked = checked;
    this.#schema = schema;
  }

  cost(expr: Expr): Range {
    switch (expr.kind) {
      case 'literal':
        return NOTHING;
      case 'ident':
        this.#paths.set(expr, this.#local(expr.name)?.path ?? [expr.name]);
        return ONE;
      case 'select':
        return this.#select(expr);
      case 'call':
        return this.#call(expr);
      case 'list': {
        const cost = this.#sum(expr.items.map(({ value }) => value));
        const value = this.#united(expr.items.map((item) => item.value));
        this.#entries.set(expr, { container: 'list', key: ONE, value });
        return plus(cost, LIST);
      }
      case 'map': {
        const cost = this.#sum(expr.entries.flatMap(({ key, value }) => [key, value]));
        const key = this.#united(expr.entries.map((entry) => entry.key));
        const value = this.#united(expr.entries.map((entry) => entry.value));
        this.#entries.set(expr, { container: 'map', key, value });
        return plus(cost, MAP);
      }
      case 'struct':
        return plus(this.#sum(expr.fields.map(({ value }) => value)), STRUCT);
      case 'fold':
        return isBind(expr) ? this.#bind(expr) : this.#fold(expr);
    }
  }

  #sum(parts: readonly Expr[]): Range {
    return parts.map((part) => this.cost(part)).reduce(plus, NOTHING);
  }

  #united(parts: readonly Expr[]): Range {
    return (
      parts.map((part) => this.#size(part) ?? UNKNOWN).reduce<Range | undefined>(unite, undefined) ?? NOTHING
    );
  }

  #select(expr: SelectExpr): Range {
    const { operand, field, isTest } = expr;
    const reference = this.#checked.references.get(expr);
    if (reference && reference.kind !== 'call') {
      this.#paths.set(expr, reference.kind === 'variable' ? [reference.name] : []);
      return ONE;
    }
    const cost = this.cost(operand);
    if (isTest) return cost;
    const { kind } = this.#checked.typeOf(operand);
    this.#paths.set(expr, [...this.#path(operand), field]);
    return kind === 'map' || kind === 'object' || kind === 'param' ? plus(cost, ONE) : cost;
  }

  #call(expr: CallExpr): Range {
    const reference = this.#checked.references.get(expr);
    const isResolved = reference?.kind === 'call';
    const name = isResolved ? reference.name : expr.name;
    const target = isResolved && reference.isGlobal ? undefined : expr.target;
    const [first] = expr.args;
    if (name === 'dyn' && first) {
      const cost = this.cost(first);
      this.#copy(expr, first);
      return plus(cost, ONE);
    }
    const args = expr.args.map((arg) => this.cost(arg));
    const before = target ? this.cost(target) : NOTHING;
    let total: Range | undefined;
    let size: Range | undefined;
    for (const overload of isResolved ? reference.overloads : [undefined]) {
      const one = this.#overload(expr, name, overload, target, args);
      total = unite(total, one.cost);
      size = unite(size, one.size);
      if (name === OPERATOR.index && first) {
        const isList = overload?.params[0]?.kind === 'list';
        size = this.#entriesOf(first)?.value;
        this.#paths.set(expr, [...this.#path(first), isList ? '@items' : '@values']);
      }
      size ??= this.#size(expr);
    }
    if (size) this.#sizes.set(expr, size);
    return plus(before, total ?? NOTHING);
  }

  #overload(
    expr: CallExpr,
    name: string,
    overload: Overload | undefined,
    target: Expr | undefined,
    costs: readonly Range[],
  ): { readonly cost: Range; readonly size?: Range | undefined } {
    const [a, b, c] = expr.args;
    const [costA = NOTHING, costB = NOTHING, costC = NOTHING] = costs;
    if (name === OPERATOR.and || name === OPERATOR.or)
      return { cost: { min: costA.min, max: costA.max + costB.max } };
    if (name === OPERATOR.conditional && b && c) {
      this.#unite(expr, b, c);
      const size = either(this.#size(b) ?? UNKNOWN, this.#size(c) ?? UNKNOWN);
      return { cost: plus(costA, either(costB, costC)), size };
    }
    if (name === OPERATOR.add && a && b) this.#unite(expr, a, b);
    const call = {
      overload,
      target: target && this.#argument(target),
      args: expr.args.map((arg) => this.#argument(arg)),
    };
    const { cost, size } = estimateCall(name, call);
    return { cost: plus(cost, costs.reduce(plus, NOTHING)), size };
  }

  #argument(expr: Expr): Argument {
    const path = this.#path(expr);
    const items = path.length > 0 && path[0] !== ACCUMULATOR ? this.#maxAt([...path, '@items']) : undefined;
    return {
      type: this.#checked.typeOf(expr),
      size: this.#size(expr) ?? UNKNOWN,
      itemSize: items ?? UNKNOWN,
      number: expr.kind === 'literal' && typeof expr.value === 'bigint' ? Number(expr.value) : undefined,
    };
  }

  #fold(expr: FoldExpr): Range {
    const { range, init, accuVar, iterVar, iterVar2 } = expr;
    const before = plus(this.cost(range), this.cost(init));
    this.#push(accuVar, this.#asLocal(init));
    const { container, key, value } = this.#iteration(range);
    const list = container === 'list';
    this.#push(iterVar, iterVar2 === undefined ? (list ? value : key) : key);
    if (iterVar2 !== undefined) this.#push(iterVar2, value);
    const loop = plus(this.cost(expr.condition), this.cost(expr.step));
    this.#pop(iterVar);
    if (iterVar2 !== undefined) this.#pop(iterVar2);
    const result = this.cost(expr.result);
    this.#pop(accuVar);
    const count = this.#size(range) ?? UNKNOWN;
    if (init.kind === 'literal') {
      const size = this.#size(init);
      if (size) this.#sizes.set(expr, size);
    } else if (init.kind === 'list' || init.kind === 'map') {
      this.#sizes.set(expr, count);
      const entries = this.#entriesOf(expr.step);
      if (entries) this.#entries.set(expr, entries);
    }
    return plus(plus(before, result), times(count, loop));
  }

  #bind(expr: FoldExpr): Range {
    const before = plus(this.cost(expr.range), this.cost(expr.init));
    this.#push(expr.accuVar, this.#asLocal(expr.init));
    const result = this.cost(expr.result);
    this.#pop(expr.accuVar);
    this.#copy(expr, expr.result);
    return plus(before, result);
  }

  /** What the variables of a loop over this are. */
  #iteration(range: Expr): { readonly container: string; readonly key: Local; readonly value: Local } {
    const entries = this.#entriesOf(range);
    const container = entries?.container ?? this.#checked.typeOf(range).kind;
    const path = this.#path(range);
    const local = (size: Range | undefined, step: string): Local => ({
      path: [...path, step],
      size,
      entries: undefined,
    });
    const list = container === 'list';
    return {
      container,
      key: local(entries?.key, list ? '@indices' : '@keys'),
      value: local(entries?.value, list ? '@items' : '@values'),
    };
  }

  #asLocal(expr: Expr): Local {
    return { path: this.#path(expr), size: this.#size(expr), entries: this.#entriesOf(expr) };
  }

  #push(name: string, local: Local): void {
    const known = this.#locals.get(name);
    if (known) known.push(local);
    else this.#locals.set(name, [local]);
  }

  #pop(name: string): void {
    this.#locals.get(name)?.pop();
  }

  #local(name: string): Local | undefined {
    return this.#locals.get(name)?.at(-1);
  }

  #path(expr: Expr): Path {
    return (expr.kind === 'ident' ? this.#local(expr.name)?.path : undefined) ?? this.#paths.get(expr) ?? [];
  }

  /** The first step is the variable, whatever it is called. */
  #maxAt(path: Path): Range | undefined {
    const max = path.length === 0 ? undefined : this.#schema.maxAt(path.slice(1));
    return max === undefined ? undefined : { min: 0, max };
  }

  #size(expr: Expr): Range | undefined {
    return (
      this.#sizes.get(expr) ??
      writtenSize(expr) ??
      this.#maxAt(this.#path(expr)) ??
      (isScalar(this.#checked.typeOf(expr)) ? ONE : undefined) ??
      (expr.kind === 'ident' ? this.#local(expr.name)?.size : undefined)
    );
  }

  #entriesOf(expr: Expr): Entries | undefined {
    return this.#entries.get(expr) ?? (expr.kind === 'ident' ? this.#local(expr.name)?.entries : undefined);
  }

  #unite(expr: Expr, a: Expr, b: Expr): void {
    const left = this.#entriesOf(a);
    const right = this.#entriesOf(b);
    if (!left || !right) return;
    const key = either(left.key, right.key);
    this.#entries.set(expr, { container: left.container, key, value: either(left.value, right.value) });
  }

  #copy(to: Expr, from: Expr): void {
    const size = this.#size(from);
    const entries = this.#entriesOf(from);
    if (size) this.#sizes.set(to, size);
    if (entries) this.#entries.set(to, entries);
  }
}

/** A loop that does nothing but give a value a name. */
const isBind = ({ range, condition, accuVar }: FoldExpr): boolean =>
  range.kind === 'list' &&
  range.items.length === 0 &&
  condition.kind === 'literal' &&
  condition.value === false &&
  accuVar !== ACCUMULATOR;

function writtenSize(expr: Expr): Range | undefined {
  switch (expr.kind) {
    case 'literal':
      return exactly(sizeOf(expr.value));
    case 'list':
      return exactly(expr.items.length);
    case 'map':
      return exactly(expr.entries.length);
    default:
      return undefined;
  }
}

function isScalar(type: CelType): boolean {
  if (type.kind === 'opaque' && type.name === 'optional_type') return type.params.some(isScalar);
  return SCALARS.includes(type.kind);
}
