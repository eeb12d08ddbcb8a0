import {
  ACCUMULATOR,
  type CallExpr,
  type Expr,
  type FoldExpr,
  MAP_INSERT,
  OPERATOR,
  type SelectExpr,
} from '#server/cel/ast.ts';
import type { Reference } from '#server/cel/checker.ts';
import { fits, type Overload } from '#server/cel/functions.ts';
import { Run, tryCompile } from '#server/cel/run.ts';
import { formatType } from '#server/cel/type.ts';
import {
  CelList,
  CelMap,
  CelObject,
  CelOptional,
  CelTypeValue,
  CelUint,
  type CelValue,
  Fault,
  keyText,
  runtimeName,
  typeName,
  ValueList,
  ValueMap,
} from '#server/cel/value.ts';

/** A planned expression: a closure for each node. Costs are upstream's (cel-go `interpreter/runtimecost.go`). */
export type Plan = (run: Run) => CelValue | Fault;

const LIST_COST = 10;
const MAP_COST = 30;
const STRUCT_COST = 40;

/** Makes closures of a checked expression; a fault where a constant can't be computed. */
export function planExpression(expr: Expr, references: ReadonlyMap<Expr, Reference>): Plan | Fault {
  const planner = new Planner(references);
  const plan = planner.plan(expr);
  return planner.fault ?? plan;
}

/** Computed once where their argument is a constant, and then free. */
const CONVERSIONS = new Set('bool bytes double duration dyn int string timestamp type uint'.split(' '));

class Planner {
  readonly #references: ReadonlyMap<Expr, Reference>;
  /** Where the variables of the macros around live, innermost last. */
  readonly #scopes: Map<string, number>[] = [];
  #slots = 0;
  /** What is known before anything runs: literals, and lists and maps of them. */
  readonly #constants = new Map<Plan, CelValue>();
  fault: Fault | undefined;

  constructor(references: ReadonlyMap<Expr, Reference>) {
    this.#references = references;
  }

  plan(expr: Expr): Plan {
    switch (expr.kind) {
      case 'literal': {
        return this.#constant(expr.value);
      }
      case 'ident':
        return this.#name(this.#references.get(expr), expr.name);
      case 'select': {
        const reference = this.#references.get(expr);
        return reference ? this.#name(reference, '') : this.#select(expr);
      }
      case 'call':
        return this.#call(expr);
      case 'list':
        return this.#list(expr.items);
      case 'map':
        return this.#map(expr.entries);
      case 'struct':
        return this.#struct(expr);
      case 'fold':
        return this.#fold(expr);
    }
  }

  #constant(value: CelValue): Plan {
    const plan = (): CelValue => value;
    this.#constants.set(plan, value);
    return plan;
  }

  /** Runs it now if all that it needs is constant. */
  #folded(plan: Plan, parts: readonly Plan[]): Plan {
    if (!parts.every((part) => this.#constants.has(part))) return plan;
    const value = plan(new Run({}, Number.POSITIVE_INFINITY, new Map()));
    if (!(value instanceof Fault)) return this.#constant(value);
    this.fault ??= value;
    return plan;
  }

  #name(reference: Reference | undefined, local: string): Plan {
    if (reference?.kind === 'type') {
      const value = new CelTypeValue(runtimeName(reference.type));
      return () => value;
    }
    const name = reference?.kind === 'variable' ? reference.name : local;
    if (reference?.kind === 'variable' && !reference.isLocal) {
      return (run) => {
        run.spend(1);
        const bound = Object.hasOwn(run.bindings, name) ? run.bindings[name] : undefined;
        if (bound === undefined) return new Fault(`no such attribute(s): ${name}`);
        return typeof bound === 'function' ? bound() : bound;
      };
    }
    const slot = this.#slotOf(name);
    return (run) => {
      run.spend(1);
      return run.slots[slot] as CelValue;
    };
  }

  #slotOf(name: string): number {
    for (let i = this.#scopes.length - 1; i >= 0; i--) {
      const slot = this.#scopes[i]?.get(name);
      if (slot !== undefined) return slot;
    }
    return 0;
  }

  #select({ operand, field, isTest }: SelectExpr): Plan {
    const target = this.plan(operand);
    if (isTest)
      return (run) => {
        const value = target(run);
        return value instanceof Fault ? value : hasField(value, field);
      };
    return (run) => {
      const value = target(run);
      if (value instanceof Fault) return value;
      run.spend(1);
      return selectField(value, field);
    };
  }

  #call(expr: CallExpr): Plan {
    const { name, args } = expr;
    switch (name) {
      case OPERATOR.and:
        return this.#logic(args, false);
      case OPERATOR.or:
        return this.#logic(args, true);
      case OPERATOR.conditional:
        return this.#conditional(args);
      case OPERATOR.notStrictlyFalse: {
        const operand = this.plan(args[0] as Expr);
        return (run) => {
          const value = operand(run);
          run.spend(1);
          return value !== false;
        };
      }
      case OPERATOR.optionalSelect:
        return this.#optionalSelect(args);
      case OPERATOR.index:
      case OPERATOR.optionalIndex:
        return this.#index(args, name === OPERATOR.optionalIndex);
      case OPERATOR.add:
        if (isAppend(args)) return this.#append(args);
        break;
      case MAP_INSERT:
        return this.#insert(args);
    }
    const reference = this.#references.get(expr);
    const overloads = reference?.kind === 'call' ? reference.overloads : [];
    const isGlobal = reference?.kind === 'call' && reference.isGlobal;
    const operands = expr.target && !isGlobal ? [expr.target, ...args] : args;
    const plans = operands.map((arg) => this.plan(arg));
    const full = reference?.kind === 'call' ? reference.name : name;
    const plan = invoke(full, overloads, plans);
    this.#checkPattern(full, plans);
    if (full === '@in') return this.#membership(plans, plan);
    return plans.length === 1 && CONVERSIONS.has(full) ? this.#folded(plan, plans) : plan;
  }

  #checkPattern(name: string, [, pattern]: readonly Plan[]): void {
    const text = pattern && this.#constants.get(pattern);
    if (!/^(?:find|findAll|matches)$/.test(name) || typeof text !== 'string') return;
    const regex = tryCompile(text);
    if (regex instanceof Fault) this.fault ??= regex;
  }

  /** In a list of constants it is a look-up, and free. */
  #membership([item, list]: readonly Plan[], search: Plan): Plan {
    const known = list && this.#constants.get(list);
    if (!item || !(known instanceof CelList)) return search;
    const keys = new Set([...known].map((value) => keyText(value)));
    if (keys.has(undefined)) return search;
    return (run) => {
      const value = item(run);
      if (value instanceof Fault) return value;
      const key = keyText(value);
      return key !== undefined && keys.has(key);
    };
  }

  /** `&&` is decided by one false, `||` by one true, whatever the other side is: even an error. */
  #logic(args: readonly Expr[], decisive: boolean): Plan {
    const [left, right] = args.map((arg) => this.plan(arg)) as [Plan, Plan];
    return (run) => {
      const a = left(run);
      if (a === decisive) return decisive;
      const b = right(run);
      if (b === decisive) return decisive;
      if (a instanceof Fault) return a;
      if (b instanceof Fault) return b;
      return typeof a === 'boolean' && typeof b === 'boolean' ? !decisive : new Fault('no such overload');
    };
  }

  #conditional(args: readonly Expr[]): Plan {
    const [condition, yes, no] = args.map((arg) => this.plan(arg)) as [Plan, Plan, Plan];
    return (run) => {
      const value = condition(run);
      if (value instanceof Fault) return value;
      if (typeof value !== 'boolean') return new Fault('no such overload');
      return value ? yes(run) : no(run);
    };
  }

  #optionalSelect(args: readonly Expr[]): Plan {
    const [operand, field] = args as [Expr, Expr];
    const target = this.plan(operand);
    const name = field.kind === 'literal' && typeof field.value === 'string' ? field.value : '';
    return (run) => {
      const value = target(run);
      if (value instanceof Fault) return value;
      run.spend(1);
      return optionalLookup(value, name);
    };
  }

  #index(args: readonly Expr[], isOptional: boolean): Plan {
    const [target, index] = args.map((arg) => this.plan(arg)) as [Plan, Plan];
    return (run) => {
      const value = target(run);
      if (value instanceof Fault) return value;
      const key = index(run);
      if (key instanceof Fault) return key;
      run.spend(1);
      return isOptional ? optionalLookup(value, key) : lookup(value, key);
    };
  }

  /** Only the macro sees its accumulator, so it may grow in place. */
  #append(args: readonly Expr[]): Plan {
    const list = args[1] as Extract<Expr, { kind: 'list' }>;
    const slot = this.#slotOf(ACCUMULATOR);
    const item = this.plan((list.items[0] as { value: Expr }).value);
    return (run) => {
      const value = item(run);
      if (value instanceof Fault) return value;
      run.spend(LIST_COST + 2);
      const accumulator = run.slots[slot];
      const items = accumulator instanceof ListBuilder ? accumulator : new ListBuilder();
      items.items.push(value);
      return items;
    };
  }

  #insert(args: readonly Expr[]): Plan {
    const slot = this.#slotOf(ACCUMULATOR);
    const values = args.slice(1).map((arg) => this.plan(arg));
    return (run) => {
      const accumulator = run.slots[slot];
      const map = accumulator instanceof MapBuilder ? accumulator : new MapBuilder(new Map());
      const given: CelValue[] = [];
      for (const plan of values) {
        const value = plan(run);
        if (value instanceof Fault) return value;
        given.push(value);
      }
      run.spend(2);
      const [first, second] = given as [CelValue, CelValue | undefined];
      if (second !== undefined) return map.insert(first, second) ?? map;
      if (!(first instanceof CelMap)) return new Fault('no such overload');
      for (const key of first.keys()) {
        const value = first.get(key);
        const fault = value instanceof Fault ? value : map.insert(key, value as CelValue);
        if (fault) return fault;
      }
      return map;
    };
  }

  #list(items: readonly { readonly value: Expr; readonly isOptional: boolean }[]): Plan {
    const plans = items.map(({ value, isOptional }) => ({ plan: this.plan(value), isOptional }));
    const make: Plan = (run) => {
      const values: CelValue[] = [];
      for (const { plan, isOptional } of plans) {
        const value = plan(run);
        if (value instanceof Fault) return value;
        if (!isOptional) values.push(value);
        else if (!(value instanceof CelOptional))
          return new Fault(
            `cannot initialize optional list element from non-optional value ${String(value)}`,
          );
        else if (value.value !== undefined) values.push(value.value);
      }
      run.spend(LIST_COST);
      return new ValueList(values);
    };
    return this.#folded(
      make,
      plans.map(({ plan }) => plan),
    );
  }

  #map(entries: Extract<Expr, { kind: 'map' }>['entries']): Plan {
    const plans = entries.map(({ key, value, isOptional }) => ({
      key: this.plan(key),
      value: this.plan(value),
      isOptional,
    }));
    const make: Plan = (run) => {
      const map = new MapBuilder(new Map());
      for (const plan of plans) {
        const key = plan.key(run);
        if (key instanceof Fault) return key;
        const value = plan.value(run);
        if (value instanceof Fault) return value;
        const entry = plan.isOptional ? unwrapEntry(value, key) : value;
        if (entry instanceof Fault) return entry;
        if (entry === undefined) continue;
        const fault = map.set(key, entry);
        if (fault) return fault;
      }
      run.spend(MAP_COST);
      return map;
    };
    return this.#folded(
      make,
      plans.flatMap(({ key, value }) => [key, value]),
    );
  }

  #struct(expr: Extract<Expr, { kind: 'struct' }>): Plan {
    const reference = this.#references.get(expr);
    const name = reference?.kind === 'type' ? formatType(reference.type) : expr.name;
    const plans = expr.fields.map((field) => ({ ...field, plan: this.plan(field.value) }));
    return (run) => {
      const fields = new Map<string, CelValue>();
      for (const { name: field, plan, isOptional } of plans) {
        const value = plan(run);
        if (value instanceof Fault) return value;
        const set = isOptional ? unwrapEntry(value, field) : value;
        if (set instanceof Fault) return set;
        if (set !== undefined) fields.set(field, set);
      }
      run.spend(STRUCT_COST);
      return new CelObject(name, fields);
    };
  }

  #fold(expr: FoldExpr): Plan {
    const range = this.plan(expr.range);
    const init = this.plan(expr.init);
    const accu = this.#slots++;
    const first = this.#slots++;
    const second = this.#slots++;
    this.#scopes.push(new Map([[expr.accuVar, accu]]));
    const loop = new Map([[expr.iterVar, first]]);
    if (expr.iterVar2 !== undefined) loop.set(expr.iterVar2, second);
    this.#scopes.push(loop);
    const condition = this.plan(expr.condition);
    const step = this.plan(expr.step);
    this.#scopes.pop();
    const result = this.plan(expr.result);
    this.#scopes.pop();
    const hasTwo = expr.iterVar2 !== undefined;
    return (run) => {
      const over = range(run);
      if (over instanceof Fault) return over;
      const { slots } = run;
      slots[accu] = init(run);
      if (over instanceof CelList) {
        for (let i = 0; i < over.size && condition(run) !== false; i++) {
          const item = over.at(i);
          slots[first] = hasTwo ? BigInt(i) : item;
          slots[second] = item;
          slots[accu] = step(run);
        }
      } else if (over instanceof CelMap) {
        for (const key of over.keys()) {
          if (condition(run) === false) break;
          slots[first] = key;
          if (hasTwo) slots[second] = over.get(key) as CelValue | Fault;
          slots[accu] = step(run);
        }
      } else return new Fault(`got '${goType(over)}', expected iterable type`);
      return result(run);
    };
  }
}

class ListBuilder extends ValueList {
  override readonly items: CelValue[] = [];

  constructor() {
    super([]);
  }
}

class MapBuilder extends ValueMap {
  readonly #entries: Map<string, readonly [CelValue, CelValue]>;

  constructor(entries: Map<string, readonly [CelValue, CelValue]>) {
    super(entries);
    this.#entries = entries;
  }

  insert(key: CelValue, value: CelValue): Fault | undefined {
    if (this.get(key) !== undefined) return new Fault(`insert failed: key ${showKey(key)} already exists`);
    return this.set(key, value);
  }

  set(key: CelValue, value: CelValue): Fault | undefined {
    const text = keyText(key);
    if (text === undefined) return new Fault(`unsupported key type: ${typeName(key)}`);
    this.#entries.set(text, [key, value]);
    return undefined;
  }
}

/** `accumulator + [item]`, as macros write it. */
const isAppend = ([accu, list]: readonly Expr[]): boolean =>
  accu?.kind === 'ident' && accu.name === ACCUMULATOR && list?.kind === 'list' && list.items.length === 1;

function invoke(name: string, overloads: readonly Overload[], operands: readonly Plan[]): Plan {
  return (run) => {
    const args: CelValue[] = [];
    for (const operand of operands) {
      const value = operand(run);
      if (value instanceof Fault) return value;
      args.push(value);
    }
    for (const overload of overloads) {
      if (overload.params.length !== args.length) continue;
      if (!overload.params.every((param, i) => fits(param, args[i] as CelValue))) continue;
      const result = overload.call(args, run);
      run.spend(result instanceof Fault ? 1 : overload.cost(args, result));
      return result;
    }
    run.spend(1);
    return noOverload(name, overloads, args);
  };
}

/** Said as upstream says it, which is by how each function is made there. */
function noOverload(name: string, overloads: readonly Overload[], args: readonly CelValue[]): Fault {
  if (overloads.length === 1 || !/^[a-z]/.test(name)) return new Fault('no such overload');
  const types = name === 'size' ? '' : `(${args.map(typeName).join(', ')})`;
  return new Fault(`no such overload: ${name}${types}`);
}

/** As Go calls the type of a value that can't be looped over. */
function goType(value: CelValue): string {
  const name = typeName(value).replace(/^google\.protobuf\.|_type$/g, '');
  return `types.${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

const showKey = (key: CelValue): string => (key instanceof CelUint ? `${key.value}` : String(key));

function selectField(value: CelValue, field: string): CelValue | Fault {
  if (value instanceof CelMap) return value.get(field) ?? missing(value, field);
  if (value instanceof CelObject) return value.fields.get(field) ?? null;
  if (value instanceof CelOptional) return value.value === undefined ? value : optionalLookup(value, field);
  if (value instanceof CelList) return new Fault("unsupported index type 'string' in list");
  return new Fault(`no such key: ${field}`);
}

/** `get` answers undefined for what is not there, and null for null. */
function missing(map: CelMap, key: CelValue): CelValue | Fault {
  return map.get(key) === null ? null : new Fault(`no such key: ${showKey(key)}`);
}

function hasField(value: CelValue, field: string): CelValue | Fault {
  if (value instanceof CelOptional) return value.value === undefined ? false : hasField(value.value, field);
  if (value instanceof CelMap) {
    const found = value.get(field);
    return found instanceof Fault ? found : found !== undefined;
  }
  if (value instanceof CelObject) return value.fields.has(field);
  if (value instanceof CelList) return new Fault("unsupported index type 'string' in list");
  return false;
}

function optionalLookup(value: CelValue, key: CelValue): CelValue | Fault {
  if (value instanceof CelOptional)
    return value.value === undefined ? value : optionalLookup(value.value, key);
  if (value instanceof CelMap) {
    const found = value.get(key);
    if (found instanceof Fault) return found;
    return found === undefined ? CelOptional.none : new CelOptional(found);
  }
  if (value instanceof CelObject) {
    const found = typeof key === 'string' ? value.fields.get(key) : undefined;
    return found === undefined ? CelOptional.none : new CelOptional(found);
  }
  if (value instanceof CelList) {
    const index = indexOf(key);
    if (index === undefined) return new Fault('no such overload');
    return index >= 0 && index < value.size ? new CelOptional(value.at(index)) : CelOptional.none;
  }
  return CelOptional.none;
}

function lookup(value: CelValue, key: CelValue): CelValue | Fault {
  if (value instanceof CelList) {
    const index = indexOf(key);
    if (index === undefined)
      return new Fault(
        typeof key === 'number'
          ? `unsupported index value ${key} in list`
          : `unsupported index type '${typeName(key)}' in list`,
      );
    return index >= 0 && index < value.size ? value.at(index) : new Fault(`index out of bounds: ${index}`);
  }
  if (value instanceof CelMap) return value.get(key) ?? missing(value, key);
  if (value instanceof CelObject && typeof key === 'string') return selectField(value, key);
  if (value instanceof CelOptional) return optionalLookup(value, key);
  return new Fault(`no such key: ${showKey(key)}`);
}

function indexOf(key: CelValue): number | undefined {
  if (typeof key === 'bigint') return Number(key);
  if (key instanceof CelUint) return Number(key.value);
  return typeof key === 'number' && Number.isInteger(key) ? key : undefined;
}

function unwrapEntry(value: CelValue, key: CelValue): CelValue | Fault | undefined {
  if (value instanceof CelOptional) return value.value;
  return new Fault(
    `cannot initialize optional entry '${showKey(key)}' from non-optional value ${String(value)}`,
  );
}
