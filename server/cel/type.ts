/**
 * A CEL type. It is what the checker reasons with, and it says how JSON of that shape becomes CEL values: numbers under
 * `int` are integers, strings under `timestamp` are points in time. Under `dyn` a JSON number without a fraction
 * is an int. Unions such as IntOrString are `dyn`.
 */
export type CelType =
  | { readonly kind: SimpleKind }
  | ListType
  | { readonly kind: 'map'; readonly keys: CelType; readonly values: CelType }
  | ObjectType
  /** `optional_type(T)`, `kubernetes.Quantity`, `net.IP`: a name and perhaps parameters. */
  | { readonly kind: 'opaque'; readonly name: string; readonly params: readonly CelType[] }
  /** The type of a type: `type(1)`, `int`, `Object.spec`. */
  | { readonly kind: 'type'; readonly of: CelType }
  /** A type variable of a function's signature or of an empty literal. */
  | { readonly kind: 'param'; readonly name: string };

export type SimpleKind =
  | 'dyn'
  | 'error'
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'null'
  | 'timestamp'
  | 'duration';

export interface ListType {
  readonly kind: 'list';
  readonly items: CelType;
  /** `x-kubernetes-list-type`: sets and maps compare without order, and `+` merges them. */
  readonly listType?: 'set' | 'map' | undefined;
  /** JSON names of the keys of a list of type `map`. */
  readonly mapKeys?: readonly string[] | undefined;
}

export interface ObjectType {
  readonly kind: 'object';
  /** How error messages call it. */
  readonly name: string;
  /** By the name that expressions use, which is escaped (`__dot__`) where JSON's is no identifier. */
  field(name: string): ObjectField | undefined;
}

export interface ObjectField {
  readonly type: CelType;
  /** Its name in JSON. */
  readonly json: string;
}

const simple = <K extends SimpleKind>(kind: K): { readonly kind: K } => ({ kind });

export const DYN = simple('dyn');
export const ERROR = simple('error');
export const BOOL = simple('bool');
export const INT = simple('int');
export const UINT = simple('uint');
export const DOUBLE = simple('double');
export const STRING = simple('string');
export const BYTES = simple('bytes');
export const NULL = simple('null');
export const TIMESTAMP = simple('timestamp');
export const DURATION = simple('duration');

export const listOf = (items: CelType): ListType => ({ kind: 'list', items });
export const mapOf = (keys: CelType, values: CelType): CelType => ({ kind: 'map', keys, values });
export const opaque = (name: string, params: readonly CelType[] = []): CelType => ({
  kind: 'opaque',
  name,
  params,
});
export const optionalOf = (value: CelType): CelType => opaque('optional_type', [value]);
export const typeOf = (of: CelType): CelType => ({ kind: 'type', of });

/** An object type whose fields are known. Field names are JSON's unless a pair names another. */
export function objectOf(name: string, fields: Readonly<Record<string, CelType>>): ObjectType {
  const known = new Map(Object.entries(fields).map(([json, type]) => [json, { type, json }]));
  return { kind: 'object', name, field: (field) => known.get(field) };
}

/** As error messages write it: `list(string)`, `map(string, dyn)`, `kubernetes.UserInfo`. */
export function formatType(type: CelType): string {
  switch (type.kind) {
    case 'error':
      return '!error!';
    case 'list':
      return `list(${formatType(type.items)})`;
    case 'map':
      return `map(${formatType(type.keys)}, ${formatType(type.values)})`;
    case 'object':
    case 'param':
      return type.name;
    case 'opaque':
      return type.params.length === 0 ? type.name : `${type.name}(${type.params.map(formatType).join(', ')})`;
    case 'type':
      return `type(${formatType(type.of)})`;
    default:
      return type.kind;
  }
}
