import type { Run } from '#server/cel/run.ts';
import {
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listOf,
  mapOf,
  NULL,
  opaque,
  optionalOf,
  STRING,
  TIMESTAMP,
  typeOf,
  UINT,
} from '#server/cel/type.ts';
import {
  CelDuration,
  CelList,
  CelMap,
  CelOpaque,
  CelOptional,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  type CelValue,
  type Fault,
} from '#server/cel/value.ts';

/**
 * What a library declares of a function: its signature, its code, its cost. In a signature the receiver stands before
 * a dot, and capitals of one letter are type variables:
 *
 *     'string.(string, int) int'    'list<A>.(A) int'    '(string) kubernetes.Quantity'
 *
 * The code gets values of exactly these types, and the run as one argument more.
 */
export type FunctionSpec = readonly [signature: string, code: Code, cost?: Cost];
export type Code = (...args: never[]) => CelValue | Fault;
/** In upstream's units; 1 where a function has none. Rule: apiserver `pkg/cel/library/cost.go`, cel-go `interpreter/runtimecost.go`. */
export type Cost = (args: readonly CelValue[], result: CelValue) => number;

export type Library = Readonly<Record<string, readonly FunctionSpec[]>>;

export interface Overload {
  readonly isMember: boolean;
  /** The receiver first. */
  readonly params: readonly CelType[];
  readonly result: CelType;
  readonly variables: readonly string[];
  readonly call: (args: readonly CelValue[], run: Run) => CelValue | Fault;
  readonly cost: Cost;
}

const ONE: Cost = () => 1;

/** All functions by name. A signature is read when its function is first used. */
export class FunctionTable {
  readonly #libraries: readonly Library[];
  readonly #known = new Map<string, readonly Overload[] | undefined>();

  constructor(libraries: readonly Library[]) {
    this.#libraries = libraries;
  }

  lookup(name: string): readonly Overload[] | undefined {
    if (this.#known.has(name)) return this.#known.get(name);
    const specs = this.#libraries.flatMap((library) =>
      Object.hasOwn(library, name) ? (library[name] ?? []) : [],
    );
    const overloads = specs.length === 0 ? undefined : specs.map(readSpec);
    // Only names that exist are kept: an expression can ask for any.
    if (overloads) this.#known.set(name, overloads);
    return overloads;
  }
}

function readSpec([signature, code, cost]: FunctionSpec): Overload {
  const reader = new SignatureReader(signature);
  const { isMember, params, result } = reader.read();
  const run = code as unknown as (...args: unknown[]) => CelValue | Fault;
  return {
    isMember,
    params,
    result,
    variables: [...reader.variables],
    call: (args, context) => run(...args, context),
    cost: cost ?? ONE,
  };
}

const NAMED: Readonly<Record<string, CelType>> = {
  bool: BOOL,
  bytes: BYTES,
  double: DOUBLE,
  duration: DURATION,
  dyn: DYN,
  int: INT,
  null: NULL,
  string: STRING,
  timestamp: TIMESTAMP,
  uint: UINT,
};

class SignatureReader {
  readonly variables = new Set<string>();
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): { isMember: boolean; params: CelType[]; result: CelType } {
    const params: CelType[] = [];
    const isMember = this.#text[0] !== '(';
    if (isMember) {
      params.push(this.#type());
      this.#at++;
    }
    this.#at++;
    while (this.#text[this.#at] !== ')') {
      params.push(this.#type());
      if (this.#text.startsWith(', ', this.#at)) this.#at += 2;
    }
    this.#at += 2;
    return { isMember, params, result: this.#type() };
  }

  #type(): CelType {
    const name = /^[A-Za-z_]+(?:\.[A-Za-z_]+)*/.exec(this.#text.slice(this.#at))?.[0] ?? '';
    this.#at += name.length;
    if (/^[A-Z]$/.test(name)) {
      this.variables.add(name);
      return { kind: 'param', name };
    }
    const params: CelType[] = [];
    if (this.#text[this.#at] === '<') {
      do {
        this.#at++;
        params.push(this.#type());
      } while (this.#text[this.#at] === ',');
      this.#at++;
    }
    const [first = DYN, second = DYN] = params;
    switch (name) {
      case 'list':
        return listOf(first);
      case 'map':
        return mapOf(first, second);
      case 'optional':
        return optionalOf(first);
      case 'type':
        return typeOf(first);
      default:
        return NAMED[name] ?? opaque(name);
    }
  }
}

/** Is the value of this type, as far as that shows without a look at every item? Rule: cel-go `IsAssignableRuntimeType`. */
export function fits(type: CelType, value: CelValue): boolean {
  switch (type.kind) {
    case 'dyn':
    case 'param':
      return true;
    case 'bool':
      return typeof value === 'boolean';
    case 'int':
      return typeof value === 'bigint';
    case 'double':
      return typeof value === 'number';
    case 'string':
      return typeof value === 'string';
    case 'null':
      return value === null;
    case 'uint':
      return value instanceof CelUint;
    case 'bytes':
      return value instanceof Uint8Array;
    case 'timestamp':
      return value instanceof CelTimestamp;
    case 'duration':
      return value instanceof CelDuration;
    case 'type':
      return value instanceof CelTypeValue;
    case 'list':
      return value instanceof CelList && (value.size === 0 || fits(type.items, value.at(0)));
    case 'map': {
      if (!(value instanceof CelMap)) return false;
      const key = isConcrete(type.keys) || isConcrete(type.values) ? value.keys()[0] : undefined;
      if (key === undefined) return true;
      return fits(type.keys, key) && fits(type.values, value.get(key) as CelValue);
    }
    case 'opaque':
      return type.name === 'optional_type'
        ? value instanceof CelOptional
        : value instanceof CelOpaque && value.typeName === type.name;
    default:
      return false;
  }
}

const isConcrete = ({ kind }: CelType): boolean => kind !== 'dyn' && kind !== 'param';
