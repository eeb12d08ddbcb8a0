import { type CelType, DYN, formatType } from '#server/cel/type.ts';

/**
 * A value at run time. Integers are bigint and doubles are number, so that `1` and `1.0` stay apart; everything else
 * that JavaScript has no word for is a class. Values are immutable.
 */
export type CelValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | CelUint
  | CelTimestamp
  | CelDuration
  | CelList
  | CelMap
  | CelObject
  | CelTypeValue
  | CelOptional
  | CelOpaque;

/** An error as a value: `&&`, `||` and macros absorb it, everything else passes it on. */
export class Fault {
  readonly fault: string;

  constructor(fault: string) {
    this.fault = fault;
  }
}

export class CelUint {
  readonly value: bigint;

  constructor(value: bigint) {
    this.value = value;
  }
}

/** Nanoseconds since 1970, UTC. */
export class CelTimestamp {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

/** Nanoseconds, in the range of int64. */
export class CelDuration {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

/** `int`, `Object.spec`: what `type(x)` answers, by name. */
export class CelTypeValue {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

export class CelOptional {
  static readonly none = new CelOptional(undefined);
  readonly value: CelValue | undefined;

  constructor(value: CelValue | undefined) {
    this.value = value;
  }
}

/** A value of a library: quantities, addresses, URLs, authorizers. Each kind knows its own equality and size. */
export abstract class CelOpaque {
  /** `kubernetes.Quantity`, `net.IP`, … */
  abstract readonly typeName: string;
  abstract equals(other: CelOpaque): boolean;
  /** As cost counts it. */
  get costSize(): number {
    return 1;
  }
}

export abstract class CelList {
  abstract readonly size: number;
  abstract at(index: number): CelValue;
  /** How the list was declared: sets and maps compare without order, and `+` merges them. */
  readonly type: CelType = DYN;

  *[Symbol.iterator](): Iterator<CelValue> {
    for (let i = 0; i < this.size; i++) yield this.at(i);
  }
}

export class ValueList extends CelList {
  readonly items: readonly CelValue[];

  constructor(items: readonly CelValue[]) {
    super();
    this.items = items;
  }

  get size(): number {
    return this.items.length;
  }

  at(index: number): CelValue {
    return this.items[index] as CelValue;
  }

  override [Symbol.iterator](): Iterator<CelValue> {
    return this.items[Symbol.iterator]();
  }
}

/** Two lists as one, so that `+` is not a copy. A chain as long as a macro makes becomes an array. */
export function concat(a: CelList, b: CelList): CelList {
  return new ValueList([...a, ...b]);
}

export abstract class CelMap {
  abstract readonly size: number;
  /** Undefined where there is no such key. */
  abstract get(key: CelValue): CelValue | Fault | undefined;
  abstract keys(): readonly CelValue[];
}

/** Keys are equal across number types: `1`, `1u` and `1.0` find the same entry. Undefined for what can't be a key. */
export function keyText(key: CelValue): string | undefined {
  switch (typeof key) {
    case 'string':
      return `s${key}`;
    case 'bigint':
      return `n${key}`;
    case 'boolean':
      return `b${key}`;
    case 'number':
      return Number.isInteger(key) ? `n${BigInt(key)}` : `d${key}`;
    default:
      return key instanceof CelUint ? `n${key.value}` : undefined;
  }
}

export class ValueMap extends CelMap {
  readonly #entries: Map<string, readonly [CelValue, CelValue]>;

  constructor(entries: Map<string, readonly [CelValue, CelValue]>) {
    super();
    this.#entries = entries;
  }

  static of(entries: Iterable<readonly [CelValue, CelValue]>): ValueMap {
    const map = new Map<string, readonly [CelValue, CelValue]>();
    for (const entry of entries) map.set(keyText(entry[0]) ?? '', entry);
    return new ValueMap(map);
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: CelValue): CelValue | undefined {
    const text = keyText(key);
    return text === undefined ? undefined : this.#entries.get(text)?.[1];
  }

  keys(): readonly CelValue[] {
    return [...this.#entries.values()].map(([key]) => key);
  }

  entries(): Iterable<readonly [string, readonly [CelValue, CelValue]]> {
    return this.#entries;
  }
}

/** A message that the expression made: `Object.spec{replicas: 3}`. Fields that were not set are absent. */
export class CelObject {
  readonly typeName: string;
  readonly fields: ReadonlyMap<string, CelValue>;

  constructor(typeName: string, fields: ReadonlyMap<string, CelValue>) {
    this.typeName = typeName;
    this.fields = fields;
  }
}

/** The name of a value's type, as `type(x)` prints it and as errors name it. */
export function typeName(value: CelValue): string {
  if (value === null) return 'null_type';
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int';
    case 'number':
      return 'double';
    case 'string':
      return 'string';
  }
  if (value instanceof CelList) return 'list';
  if (value instanceof CelMap) return 'map';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof CelUint) return 'uint';
  if (value instanceof CelTimestamp) return 'google.protobuf.Timestamp';
  if (value instanceof CelDuration) return 'google.protobuf.Duration';
  if (value instanceof CelTypeValue) return 'type';
  if (value instanceof CelOptional) return 'optional_type';
  return value.typeName;
}

/** The name that a type has at run time. */
export function runtimeName(type: CelType): string {
  switch (type.kind) {
    case 'list':
    case 'map':
    case 'type':
      return type.kind;
    case 'opaque':
    case 'object':
      return type.name;
    case 'null':
      return 'null_type';
    case 'timestamp':
      return 'google.protobuf.Timestamp';
    case 'duration':
      return 'google.protobuf.Duration';
    default:
      return formatType(type);
  }
}

/** As cost counts it: characters, bytes, items, entries; 1 for everything else. */
export function sizeOf(value: CelValue): number {
  if (typeof value === 'string') return codePoints(value);
  if (value === null || typeof value !== 'object') return 1;
  if (value instanceof CelList || value instanceof CelMap) return value.size;
  if (value instanceof Uint8Array) return value.length;
  if (value instanceof CelOpaque) return value.costSize;
  if (value instanceof CelOptional && value.value !== undefined) return sizeOf(value.value);
  return 1;
}

/** Length in code points: what CEL calls the size of a string. */
export function codePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit < 0xdc00) {
      const next = text.charCodeAt(i + 1);
      if (next >= 0xdc00 && next < 0xe000) {
        count--;
        i++;
      }
    }
  }
  return count;
}
