import {
  assign,
  assignAll,
  isDyn,
  isDynOrError,
  isSameType,
  mostGeneral,
  type Substitutions,
  substitute,
} from '#server/cel/assign.ts';
import {
  type CallExpr,
  type Expr,
  type FoldExpr,
  OPERATOR,
  qualifiedName,
  type StructExpr,
} from '#server/cel/ast.ts';
import type { FunctionTable, Overload } from '#server/cel/functions.ts';
import type { Issue } from '#server/cel/source.ts';
import {
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DYN,
  ERROR,
  formatType,
  INT,
  listOf,
  mapOf,
  NULL,
  optionalOf,
  STRING,
  typeOf,
  UINT,
} from '#server/cel/type.ts';
import { CelUint, type CelValue } from '#server/cel/value.ts';

/** What a name or a call turned out to be. */
export type Reference =
  | { readonly kind: 'variable'; readonly name: string; readonly isLocal: boolean }
  | { readonly kind: 'type'; readonly type: CelType }
  /** The overloads that the types allow; `isGlobal` where the target of the call was only a part of the name. */
  | {
      readonly kind: 'call';
      readonly name: string;
      readonly overloads: readonly Overload[];
      readonly isGlobal: boolean;
    };

export interface CheckEnvironment {
  /** Declared names; those with dots too. */
  readonly variables: ReadonlyMap<string, CelType>;
  readonly functions: FunctionTable;
  /** A type by its name, as in `type(x) == int` and `Object.spec{…}`. */
  readonly findType: (name: string) => CelType | undefined;
}

export interface Checked {
  readonly issues: readonly Issue[];
  readonly resultType: CelType;
  readonly references: ReadonlyMap<Expr, Reference>;
  /** The type of a part of the expression. */
  readonly typeOf: (part: Expr) => CelType;
}

/** Infers the types of an expression and resolves its names. Rule: cel-go `checker/checker.go`. */
export function check(expr: Expr, environment: CheckEnvironment): Checked {
  const checker = new Checker(environment);
  const type = checker.check(expr);
  return {
    issues: checker.issues,
    resultType: substitute(checker.known, type, true),
    references: checker.references,
    typeOf: (part) => substitute(checker.known, checker.types.get(part) ?? ERROR, true),
  };
}

class Checker {
  readonly issues: Issue[] = [];
  readonly references = new Map<Expr, Reference>();
  readonly types = new Map<Expr, CelType>();
  known: Substitutions = new Map();
  readonly #environment: CheckEnvironment;
  readonly #scopes: Map<string, CelType>[] = [];
  #freeVariables = 0;

  constructor(environment: CheckEnvironment) {
    this.#environment = environment;
  }

  check(expr: Expr): CelType {
    const type = this.#infer(expr);
    this.types.set(expr, type);
    return type;
  }

  #infer(expr: Expr): CelType {
    switch (expr.kind) {
      case 'literal':
        return typeOfLiteral(expr.value);
      case 'ident':
        return this.#ident(expr);
      case 'select': {
        const found = this.#qualified(expr);
        if (found) return found;
        const type = this.#select(expr, expr.operand, expr.field, false);
        return expr.isTest ? BOOL : type;
      }
      case 'call':
        return expr.name === OPERATOR.optionalSelect && !expr.target
          ? this.#optionalSelect(expr)
          : this.#call(expr);
      case 'list': {
        let items: CelType | undefined;
        for (const { value, isOptional } of expr.items) {
          const type = this.check(value);
          items = this.#join(items, isOptional ? this.#unwrap(value.at, type) : type);
        }
        return listOf(items ?? this.#freeVariable());
      }
      case 'map': {
        let keys: CelType | undefined;
        let values: CelType | undefined;
        for (const { key, value, isOptional } of expr.entries) {
          keys = this.#join(keys, this.check(key));
          const type = this.check(value);
          values = this.#join(values, isOptional ? this.#unwrap(value.at, type) : type);
        }
        return mapOf(keys ?? this.#freeVariable(), values ?? this.#freeVariable());
      }
      case 'struct':
        return this.#struct(expr);
      case 'fold':
        return this.#fold(expr);
    }
  }

  #report(at: number, message: string): void {
    this.issues.push({ at, message });
  }

  #undeclared(at: number, name: string): CelType {
    this.#report(at, `undeclared reference to '${name}' (in container '')`);
    return ERROR;
  }

  #freeVariable(): CelType {
    return { kind: 'param', name: `_var${this.#freeVariables++}` };
  }

  #assign(to: CelType, from: CelType): boolean {
    const known = assign(this.known, to, from);
    if (known) this.known = known;
    return known !== undefined;
  }

  #show(type: CelType): string {
    return formatType(type);
  }

  #mismatch(at: number, expected: CelType, found: CelType): void {
    this.#report(at, `expected type '${this.#show(expected)}' but found '${this.#show(found)}'`);
  }

  /** The most general type of a literal's items; whether they may differ is for `checkLiterals`. */
  #join(previous: CelType | undefined, current: CelType): CelType {
    if (!previous) return current;
    return this.#assign(previous, current) ? mostGeneral(previous, current) : DYN;
  }

  #unwrap(at: number, type: CelType): CelType {
    const inner = optionalValue(type);
    if (!inner && !isDyn(type)) this.#mismatch(at, optionalOf(type), type);
    return inner ?? type;
  }

  #lookup(name: string): Reference | undefined {
    // A dot in front asks for the outermost scope.
    const bare = name.startsWith('.') ? name.slice(1) : name;
    if (bare === name && this.#scopes.some((scope) => scope.has(name)))
      return { kind: 'variable', name, isLocal: true };
    if (this.#environment.variables.has(bare)) return { kind: 'variable', name: bare, isLocal: false };
    const type = this.#environment.findType(bare);
    return type && { kind: 'type', type };
  }

  #typeOf(reference: Reference, name: string): CelType {
    if (reference.kind === 'type') return typeOf(reference.type);
    if (reference.kind === 'variable' && !reference.isLocal)
      return this.#environment.variables.get(reference.name) ?? ERROR;
    for (let i = this.#scopes.length - 1; i >= 0; i--) {
      const type = this.#scopes[i]?.get(name);
      if (type) return type;
    }
    return ERROR;
  }

  #ident(expr: Extract<Expr, { kind: 'ident' }>): CelType {
    const reference = this.#lookup(expr.name);
    if (!reference) return this.#undeclared(expr.at, expr.name);
    this.references.set(expr, reference);
    return this.#typeOf(reference, expr.name);
  }

  /** `authorizer.requestResource` is one name. */
  #qualified(expr: Expr): CelType | undefined {
    const name = qualifiedName(expr);
    const reference = name === undefined ? undefined : this.#lookup(name);
    if (!reference || name === undefined) return undefined;
    this.references.set(expr, reference);
    return this.#typeOf(reference, name);
  }

  #select(expr: Expr, operand: Expr, field: string, isOptional: boolean): CelType {
    const operandType = substitute(this.known, this.check(operand), false);
    const inner = optionalValue(operandType);
    const result = this.#fieldType(expr.at, inner ?? operandType, field);
    return substitute(this.known, inner || isOptional ? optionalOf(result) : result, false);
  }

  #fieldType(at: number, type: CelType, field: string): CelType {
    switch (type.kind) {
      case 'map':
        return type.values;
      case 'object': {
        const found = type.field(field);
        if (!found) this.#report(at, `undefined field '${field}'`);
        return found?.type ?? ERROR;
      }
      case 'param':
        this.#assign(DYN, type);
        return DYN;
      default:
        if (!isDynOrError(type)) this.#report(at, noFields(type));
        return DYN;
    }
  }

  #optionalSelect(expr: CallExpr): CelType {
    const [operand, field] = expr.args as [Expr, Expr];
    const name = field.kind === 'literal' && typeof field.value === 'string' ? field.value : '';
    return this.#select(expr, operand, name, true);
  }

  #call(expr: CallExpr): CelType {
    const { name, target, args, at } = expr;
    const argTypes = args.map((arg) => this.check(arg));
    if (!target) {
      const bare = name.startsWith('.') ? name.slice(1) : name;
      const overloads = this.#environment.functions.lookup(bare);
      if (!overloads) return this.#undeclared(at, name);
      return this.#resolve(expr, bare, overloads, argTypes, false, true);
    }
    const prefix = qualifiedName(target);
    if (prefix !== undefined) {
      const full = `${prefix}.${name}`;
      const overloads = this.#environment.functions.lookup(full);
      if (overloads) return this.#resolve(expr, full, overloads, argTypes, false, true);
    }
    const targetType = this.check(target);
    const overloads = this.#environment.functions.lookup(name);
    if (!overloads) return this.#undeclared(at, name);
    return this.#resolve(expr, name, overloads, [targetType, ...argTypes], true, false);
  }

  #resolve(
    expr: CallExpr,
    name: string,
    overloads: readonly Overload[],
    argTypes: readonly CelType[],
    isMember: boolean,
    isGlobal: boolean,
  ): CelType {
    if (name === OPERATOR.and || name === OPERATOR.or) return this.#logic(expr, name, overloads, argTypes);
    const matching: Overload[] = [];
    let result: CelType | undefined;
    for (const overload of overloads) {
      if (overload.isMember !== isMember) continue;
      const fresh = new Map(overload.variables.map((variable) => [variable, this.#freeVariable()]));
      const known = assignAll(
        this.known,
        argTypes,
        overload.params.map((param) => substitute(fresh, param, false)),
      );
      if (!known) continue;
      this.known = known;
      matching.push(overload);
      const type = substitute(known, substitute(fresh, overload.result, false), false);
      if (result === undefined) result = type;
      else if (!isDyn(result) && !isSameType(type, result)) result = DYN;
    }
    if (result === undefined) {
      const shown = argTypes.map((type) => this.#show(substitute(this.known, type, true)));
      const signature = isMember ? `${shown[0]}.(${shown.slice(1).join(', ')})` : `(${shown.join(', ')})`;
      this.#report(expr.at, `found no matching overload for '${name}' applied to '${signature}'`);
      return ERROR;
    }
    this.references.set(expr, { kind: 'call', name, overloads: matching, isGlobal });
    return result;
  }

  #logic(
    expr: CallExpr,
    name: string,
    overloads: readonly Overload[],
    argTypes: readonly CelType[],
  ): CelType {
    let isWrong = false;
    for (const [i, type] of argTypes.entries()) {
      if (this.#assign(type, BOOL)) continue;
      this.#mismatch(expr.args[i]?.at ?? expr.at, BOOL, type);
      isWrong = true;
    }
    this.references.set(expr, { kind: 'call', name, overloads, isGlobal: true });
    return isWrong ? ERROR : BOOL;
  }

  #struct(expr: StructExpr): CelType {
    const { at, name } = expr;
    const bare = name.startsWith('.') ? name.slice(1) : name;
    const reference = this.#lookup(bare);
    if (!reference) return this.#undeclared(at, name);
    const type = reference.kind === 'type' ? reference.type : ERROR;
    if (reference.kind !== 'type')
      this.#report(at, `'${this.#show(this.#typeOf(reference, bare))}' is not a type`);
    else if (type.kind !== 'object') this.#report(at, `'${this.#show(type)}' is not a message type`);
    else this.references.set(expr, reference);
    for (const field of expr.fields) {
      const found = this.check(field.value);
      const value = field.isOptional ? this.#unwrap(field.value.at, found) : found;
      if (type.kind !== 'object') this.#report(field.at, `unexpected failed resolution of '${bare}'`);
      const declared = type.kind === 'object' ? type.field(field.name) : undefined;
      if (type.kind === 'object' && !declared) this.#report(field.at, `undefined field '${field.name}'`);
      if (declared && !this.#assign(declared.type, value))
        this.#report(
          field.at,
          `expected type of field '${field.name}' is '${this.#show(declared.type)}' but provided type is '${this.#show(value)}'`,
        );
    }
    return type.kind === 'object' ? type : ERROR;
  }

  #fold(expr: FoldExpr): CelType {
    const rangeType = substitute(this.known, this.check(expr.range), false);
    const accuType = this.check(expr.init);
    this.#scopes.push(new Map([[expr.accuVar, accuType]]));
    const [first, second] = this.#loopTypes(expr, rangeType);
    const loop = new Map([[expr.iterVar, first]]);
    if (expr.iterVar2 !== undefined) loop.set(expr.iterVar2, second);
    this.#scopes.push(loop);
    this.#assertType(expr.condition, BOOL);
    this.#assertType(expr.step, accuType);
    this.#scopes.pop();
    const result = this.check(expr.result);
    this.#scopes.pop();
    return substitute(this.known, result, false);
  }

  #loopTypes({ range, iterVar2 }: FoldExpr, type: CelType): readonly [CelType, CelType] {
    switch (type.kind) {
      case 'list':
        return iterVar2 === undefined ? [type.items, ERROR] : [INT, type.items];
      case 'map':
        return [type.keys, type.values];
      case 'dyn':
      case 'error':
      case 'param':
        this.#assign(DYN, type);
        return [DYN, DYN];
      default:
        this.#report(
          range.at,
          `expression of type '${this.#show(type)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
        );
        return [ERROR, ERROR];
    }
  }

  #assertType(expr: Expr, expected: CelType): void {
    const found = this.check(expr);
    if (!this.#assign(expected, found)) this.#mismatch(expr.at, expected, found);
  }
}

/** Kubernetes' own types are objects, of which nothing is known. */
const noFields = (type: CelType): string =>
  type.kind === 'opaque' && type.name.startsWith('kubernetes.')
    ? `unexpected failed resolution of '${formatType(type)}'`
    : `type '${formatType(type)}' does not support field selection`;

const optionalValue = (type: CelType): CelType | undefined =>
  type.kind === 'opaque' && type.name === 'optional_type' ? type.params[0] : undefined;

function typeOfLiteral(value: CelValue): CelType {
  if (value === null) return NULL;
  switch (typeof value) {
    case 'boolean':
      return BOOL;
    case 'bigint':
      return INT;
    case 'number':
      return DOUBLE;
    case 'string':
      return STRING;
    default:
      return value instanceof CelUint ? UINT : BYTES;
  }
}
