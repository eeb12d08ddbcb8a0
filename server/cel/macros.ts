import { ACCUMULATOR, type CallExpr, type Expr, MAP_INSERT, OPERATOR } from '#server/cel/ast.ts';
import type { CelValue } from '#server/cel/value.ts';

/** A macro was used wrongly; `at` is the argument. */
export class MacroProblem extends Error {
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

/**
 * What a call is when it is a macro: `has`, the comprehensions with one and two variables, and those of optional
 * values. Undefined where it is a call. Rule: cel-go `parser/macro.go`, `ext/comprehensions.go`, `cel/library.go`.
 */
export function expandMacro(call: CallExpr): Expr | undefined {
  const { name, target, args, at } = call;
  const [first] = args;
  if (!target) return name === 'has' && args.length === 1 && first ? makeHas(at, first) : undefined;
  const make = new Factory(at);
  switch (`${name}/${args.length}`) {
    case 'all/2':
    case 'all/3':
      return make.fold(target, variables(args, 1), {
        init: make.literal(true),
        condition: make.call(OPERATOR.notStrictlyFalse, make.accu),
        step: make.call(OPERATOR.and, make.accu, last(args)),
      });
    case 'exists/2':
    case 'exists/3':
      return make.fold(target, variables(args, 1), {
        init: make.literal(false),
        condition: make.call(OPERATOR.notStrictlyFalse, make.call(OPERATOR.not, make.accu)),
        step: make.call(OPERATOR.or, make.accu, last(args)),
      });
    case 'exists_one/2':
    case 'exists_one/3':
    case 'existsOne/3':
      return make.fold(target, variables(args, 1), {
        init: make.literal(0n),
        step: make.when(last(args), make.call(OPERATOR.add, make.accu, make.literal(1n))),
        result: make.call(OPERATOR.equals, make.accu, make.literal(1n)),
      });
    case 'map/2':
      return make.mapped(target, singleVariable(args), undefined, last(args));
    case 'map/3':
      return make.mapped(target, singleVariable(args), args[1], last(args));
    case 'filter/2':
      return make.mapped(target, singleVariable(args), args[1], first as Expr);
    case 'transformList/3':
      return make.mapped(target, variables(args, 1), undefined, last(args));
    case 'transformList/4':
      return make.mapped(target, variables(args, 2), args[2], last(args));
    case 'transformMap/3':
    case 'transformMap/4': {
      const vars = variables(args, args.length - 2);
      const insert = make.call(MAP_INSERT, make.accu, make.ident(vars[0] ?? ''), last(args));
      return make.inserted(target, vars, args.length === 4 ? args[2] : undefined, insert);
    }
    case 'transformMapEntry/3':
    case 'transformMapEntry/4': {
      const vars = variables(args, args.length - 2);
      const insert = make.call(MAP_INSERT, make.accu, last(args));
      return make.inserted(target, vars, args.length === 4 ? args[2] : undefined, insert);
    }
    case 'optMap/2':
      return make.optional(name, target, args, (mapped) => make.call('optional.of', mapped));
    case 'sortBy/2': {
      const input = make.ident('@__sortBy_input__');
      const keys = make.mapped(input, singleVariable(args), undefined, last(args));
      return make.bound(input.name, target, { ...make.member(input, '@sortByAssociatedKeys'), args: [keys] });
    }
    case 'optFlatMap/2':
      return make.optional(name, target, args, (mapped) => mapped);
    default:
      return undefined;
  }
}

const last = (args: readonly Expr[]): Expr => args.at(-1) as Expr;

function makeHas(at: number, arg: Expr): Expr {
  if (arg.kind === 'select') return { ...arg, at, isTest: true };
  throw new MacroProblem(arg.at, 'invalid argument to has() macro');
}

/** The names in front of the last `rest` arguments. */
function variables(args: readonly Expr[], rest: number): readonly string[] {
  const names = args.slice(0, args.length - rest).map((arg) => nameOf(arg, 'argument must be a simple name'));
  if (names.length === 2 && names[0] === names[1])
    throw new MacroProblem(args[1]?.at ?? 0, `duplicate variable name: ${names[0]}`);
  return names;
}

const singleVariable = (args: readonly Expr[]): readonly string[] => [
  nameOf(args[0] as Expr, 'argument is not an identifier'),
];

function nameOf(arg: Expr, problem: string): string {
  if (arg.kind !== 'ident') throw new MacroProblem(arg.at, problem);
  if (arg.name === '__result__')
    throw new MacroProblem(arg.at, 'iteration variable overwrites accumulator variable');
  return arg.name;
}

interface Loop {
  readonly init: Expr;
  readonly condition?: Expr;
  readonly step: Expr;
  readonly result?: Expr;
}

/** Makes the nodes of one macro; all stand where the macro stands. */
class Factory {
  readonly accu: Expr;
  readonly #at: number;

  constructor(at: number) {
    this.#at = at;
    this.accu = this.ident(ACCUMULATOR);
  }

  ident(name: string): Extract<Expr, { kind: 'ident' }> {
    return { kind: 'ident', at: this.#at, name };
  }

  literal(value: CelValue): Expr {
    return { kind: 'literal', at: this.#at, value };
  }

  call(name: string, ...args: Expr[]): Expr {
    return { kind: 'call', at: this.#at, name, target: undefined, args };
  }

  member(target: Expr, name: string): CallExpr {
    return { kind: 'call', at: this.#at, name, target, args: [] };
  }

  /** The accumulator stays where the predicate does not hold. */
  when(predicate: Expr | undefined, step: Expr): Expr {
    return predicate ? this.call(OPERATOR.conditional, predicate, step, this.accu) : step;
  }

  fold(range: Expr, vars: readonly string[], { init, condition, step, result }: Loop): Expr {
    return {
      kind: 'fold',
      at: this.#at,
      range,
      iterVar: vars[0] ?? '',
      iterVar2: vars[1],
      accuVar: ACCUMULATOR,
      init,
      condition: condition ?? this.literal(true),
      step,
      result: result ?? this.accu,
    };
  }

  mapped(range: Expr, vars: readonly string[], predicate: Expr | undefined, item: Expr): Expr {
    const list = (items: readonly Expr[]): Expr => ({
      kind: 'list',
      at: this.#at,
      items: items.map((value) => ({ value, isOptional: false })),
    });
    const step = this.call(OPERATOR.add, this.accu, list([item]));
    return this.fold(range, vars, { init: list([]), step: this.when(predicate, step) });
  }

  inserted(range: Expr, vars: readonly string[], predicate: Expr | undefined, insert: Expr): Expr {
    const init: Expr = { kind: 'map', at: this.#at, entries: [] };
    return this.fold(range, vars, { init, step: this.when(predicate, insert) });
  }

  /** A loop over nothing whose accumulator is the variable. */
  bound(name: string, value: Expr, result: Expr): Expr {
    return {
      kind: 'fold',
      at: this.#at,
      range: { kind: 'list', at: this.#at, items: [] },
      iterVar: '#unused',
      iterVar2: undefined,
      accuVar: name,
      init: value,
      condition: this.literal(false),
      step: this.ident(name),
      result,
    };
  }

  optional(name: string, target: Expr, args: readonly Expr[], wrap: (mapped: Expr) => Expr): Expr {
    const [variable, mapped] = args as [Expr, Expr];
    if (variable.kind !== 'ident')
      throw new MacroProblem(variable.at, `${name}() variable name must be a simple identifier`);
    const bound = this.bound(variable.name, this.member(target, 'value'), mapped);
    return this.call(
      OPERATOR.conditional,
      this.member(target, 'hasValue'),
      wrap(bound),
      this.call('optional.none'),
    );
  }
}
