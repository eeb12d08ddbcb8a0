import type { CelValue } from '#server/cel/value.ts';

/** A parsed expression. Macros are expanded already. `at` is the place in the source, in UTF-16 units. */
export type Expr =
  | { readonly kind: 'literal'; readonly at: number; readonly value: CelValue }
  | { readonly kind: 'ident'; readonly at: number; readonly name: string }
  | SelectExpr
  | CallExpr
  | ListExpr
  | MapExpr
  | StructExpr
  | FoldExpr;

export interface SelectExpr {
  readonly kind: 'select';
  readonly at: number;
  readonly operand: Expr;
  readonly field: string;
  /** `has(a.b)` */
  readonly isTest: boolean;
}

export interface CallExpr {
  readonly kind: 'call';
  readonly at: number;
  /** Operators are named as the specification names them: `_+_`, `_[_]`, `_?_:_`. */
  readonly name: string;
  readonly target: Expr | undefined;
  readonly args: readonly Expr[];
}

export interface ListExpr {
  readonly kind: 'list';
  readonly at: number;
  readonly items: readonly { readonly value: Expr; readonly isOptional: boolean }[];
}

export interface MapExpr {
  readonly kind: 'map';
  readonly at: number;
  readonly entries: readonly {
    readonly at: number;
    readonly key: Expr;
    readonly value: Expr;
    readonly isOptional: boolean;
  }[];
}

export interface StructExpr {
  readonly kind: 'struct';
  readonly at: number;
  readonly name: string;
  readonly fields: readonly {
    readonly at: number;
    readonly name: string;
    readonly value: Expr;
    readonly isOptional: boolean;
  }[];
}

/** What macros become: a loop over a list's items or a map's keys with an accumulator. */
export interface FoldExpr {
  readonly kind: 'fold';
  readonly at: number;
  readonly range: Expr;
  /** Item or key; with `iterVar2` index or key. */
  readonly iterVar: string;
  /** Item or value. */
  readonly iterVar2: string | undefined;
  readonly accuVar: string;
  readonly init: Expr;
  readonly condition: Expr;
  readonly step: Expr;
  readonly result: Expr;
}

/** The operators as functions. */
export const OPERATOR = {
  conditional: '_?_:_',
  or: '_||_',
  and: '_&&_',
  not: '!_',
  negate: '-_',
  add: '_+_',
  equals: '_==_',
  index: '_[_]',
  optionalIndex: '_[?_]',
  optionalSelect: '_?._',
  notStrictlyFalse: '@not_strictly_false',
} as const;

/** The accumulator of macros: no expression can name it. */
export const ACCUMULATOR = '@result';
/** Inserts into the map that a macro builds. */
export const MAP_INSERT = 'cel.@mapInsert';

/** `a.b.c` as one name, where it is nothing but names. */
export function qualifiedName(expr: Expr): string | undefined {
  if (expr.kind === 'ident') return expr.name;
  if (expr.kind !== 'select' || expr.isTest) return undefined;
  const prefix = qualifiedName(expr.operand);
  return prefix === undefined ? undefined : `${prefix}.${expr.field}`;
}
