import { formatDuration, formatTimestamp, parseDuration, parseTimestamp } from '#server/cel/time.ts';
import { type CelType, DYN, type ObjectType } from '#server/cel/type.ts';
import {
  CelDuration,
  CelList,
  CelMap,
  CelObject,
  CelOptional,
  CelTimestamp,
  CelUint,
  type CelValue,
  Fault,
} from '#server/cel/value.ts';

/** JSON as a CEL value: see `CelEngine.fromJson`. What is not as its type says stays what it is. */
export function fromJson(json: unknown, type: CelType = DYN): CelValue {
  switch (typeof json) {
    case 'string':
      return type.kind === 'string' || type.kind === 'dyn' ? json : textUnder(json, type);
    case 'number':
      if (type.kind === 'double') return json;
      return Number.isInteger(json) ? BigInt(json) : json;
    case 'boolean':
    case 'bigint':
      return json;
    case 'object':
      if (json === null) return null;
      if (Array.isArray(json)) return new JsonList(json, type);
      return new JsonMap(json as Readonly<Record<string, unknown>>, type);
    default:
      return null;
  }
}

function textUnder(text: string, type: CelType): CelValue {
  if (type.kind === 'timestamp') return parseTimestamp(text) ?? text;
  if (type.kind === 'duration') return parseDuration(text) ?? text;
  if (type.kind === 'bytes') return new Uint8Array(Buffer.from(text, 'base64'));
  return text;
}

class JsonList extends CelList {
  readonly #json: readonly unknown[];
  readonly #items: CelType;
  override readonly type: CelType;

  constructor(json: readonly unknown[], type: CelType) {
    super();
    this.#json = json;
    this.type = type;
    this.#items = type.kind === 'list' ? type.items : DYN;
  }

  get size(): number {
    return this.#json.length;
  }

  at(index: number): CelValue {
    return fromJson(this.#json[index], this.#items);
  }
}

/** A JSON object, as a map or as an object with declared fields. */
class JsonMap extends CelMap {
  readonly #json: Readonly<Record<string, unknown>>;
  readonly #object: ObjectType | undefined;
  readonly #values: CelType;
  #keys: readonly string[] | undefined;

  constructor(json: Readonly<Record<string, unknown>>, type: CelType) {
    super();
    this.#json = json;
    this.#object = type.kind === 'object' ? type : undefined;
    this.#values = type.kind === 'map' ? type.values : DYN;
  }

  get size(): number {
    return this.keys().length;
  }

  get(key: CelValue): CelValue | undefined {
    if (typeof key !== 'string') return undefined;
    const field = this.#object?.field(key);
    const name = field?.json ?? key;
    const value = Object.hasOwn(this.#json, name) ? this.#json[name] : undefined;
    return value === undefined ? undefined : fromJson(value, field?.type ?? this.#values);
  }

  keys(): readonly string[] {
    // In process, objects carry keys whose value is undefined: JSON has no such thing.
    this.#keys ??= Object.keys(this.#json).filter((key) => this.#json[key] !== undefined);
    return this.#keys;
  }
}

/** An object whose fields are computed when they are first read. */
export class LazyMap extends CelMap {
  readonly #type: CelType;
  readonly #read: (field: string) => CelValue | Fault;
  readonly #known = new Map<string, CelValue | Fault>();

  constructor(type: CelType, read: (field: string) => CelValue | Fault) {
    super();
    this.#type = type;
    this.#read = read;
  }

  get size(): number {
    return this.#known.size;
  }

  get(key: CelValue): CelValue | Fault | undefined {
    if (typeof key !== 'string') return undefined;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#type.kind === 'object' && !this.#type.field(key)) return undefined;
    const value = this.#read(key);
    this.#known.set(key, value);
    return value;
  }

  keys(): readonly CelValue[] {
    return [...this.#known.keys()];
  }
}

const NONE = Symbol('none');

/** See `CelEngine.toJson`. */
export function toJson(value: CelValue): unknown {
  const json = convert(value);
  return json === NONE ? undefined : json;
}

function convert(value: CelValue): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : NONE;
  if (value instanceof CelUint) return Number(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof CelTimestamp) return formatTimestamp(value.nanos);
  if (value instanceof CelDuration) return formatDuration(value.nanos);
  if (value instanceof CelOptional) return value.value === undefined ? NONE : convert(value.value);
  if (value instanceof CelList) {
    const items = [...value].map(convert);
    return items.includes(NONE) ? NONE : items;
  }
  if (value instanceof CelMap) return fromEntries(value.keys().map((key) => [keyOf(key), entry(value, key)]));
  if (value instanceof CelObject)
    return fromEntries([...value.fields].map(([name, field]) => [name, convert(field)]));
  return NONE;
}

function entry(map: CelMap, key: CelValue): unknown {
  const value = map.get(key);
  return value === undefined || value instanceof Fault ? NONE : convert(value);
}

function keyOf(key: CelValue): string {
  return key instanceof CelUint ? `${key.value}` : String(key);
}

/** `Object.fromEntries` defines own properties, so a key `__proto__` is a key like any other. */
function fromEntries(entries: readonly (readonly [string, unknown])[]): unknown {
  return entries.some(([, value]) => value === NONE) ? NONE : Object.fromEntries(entries);
}
