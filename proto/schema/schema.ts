import facts from './generated/facts.json' with { type: 'json' };

/**
 * What is known of every type of the Kubernetes API: field names in Go's order, types, protobuf numbers,
 * omitempty, list and merge keys, defaults. The facts are one line a field in generated/facts.json, and a
 * message is parsed when it is first asked for, so that kinds nobody uses cost only their text:
 *
 *     containers 2 []Container ! ps=merge pk=name lt=map lk=name
 *
 * that is the JSON name, the protobuf number (0: not on the wire), the type, flags (`i` inline, `o`
 * omitempty, `z` omitzero, `!` required), and the marks. Types that are not structs start with `=`; a first line `~atomic` says that a struct is
 * owned and replaced as a whole.
 */
export type Scalar =
  | 'string'
  | 'bool'
  | 'int'
  | 'int32'
  | 'int64'
  | 'float64'
  | 'bytes'
  | 'time'
  | 'microTime'
  | 'duration'
  | 'quantity'
  | 'intOrString'
  | 'raw'
  | 'json'
  | 'fieldsV1'
  | 'any'
  | 'schemaOrArray'
  | 'schemaOrBool'
  | 'schemaOrStringArray';

/** A type as a field uses it. `go` is how Go's error messages name it, without the pointer. */
export type Type =
  | {
      readonly kind: 'scalar';
      readonly scalar: Scalar;
      readonly pointer: boolean;
      readonly go: string;
      readonly values?: readonly string[];
    }
  | { readonly kind: 'message'; readonly message: string; readonly pointer: boolean; readonly go: string }
  | {
      readonly kind: 'list';
      readonly items: Type;
      readonly pointer: boolean;
      readonly go: string;
      readonly wrapped: boolean;
    }
  | { readonly kind: 'map'; readonly items: Type; readonly pointer: boolean; readonly go: string };

export interface Field {
  /** The JSON name; for an inline field the name it has on the wire. */
  readonly name: string;
  /** The protobuf number; 0 when it is not on the wire. */
  readonly number: number;
  readonly type: Type;
  /** An embedded struct, whose fields are the message's own in JSON but nested on the wire. */
  readonly inline: boolean;
  readonly omitEmpty: boolean;
  readonly omitZero: boolean;
  /** As OpenAPI sees it. */
  readonly required: boolean;
  readonly patchStrategy: readonly string[];
  readonly patchMergeKey: string | undefined;
  readonly listType: string | undefined;
  readonly listMapKeys: readonly string[];
  readonly mapType: string | undefined;
  /** `atomic` or `granular`: whatever its type says, how this field of a struct type is merged. */
  readonly structType: string | undefined;
  /** The JSON value of a `+default` mark. */
  readonly default: unknown;
}

export interface Message {
  /** `core/v1.PodSpec`. */
  readonly id: string;
  /** `PodSpec`. */
  readonly name: string;
  /** In Go's order, inline fields included as such. */
  readonly fields: readonly Field[];
  /** By JSON name, those of inline structs included. */
  readonly properties: ReadonlyMap<string, Field>;
  readonly byNumber: ReadonlyMap<number, Field>;
  /** For properties of inline structs, the names of those structs: Go's errors write `VolumeSource.nfs`. */
  readonly embedded: ReadonlyMap<string, string>;
  /** Embeds TypeMeta: has `apiVersion` and `kind`. */
  readonly isKind: boolean;
  /** Owned and replaced as a whole by server-side apply. */
  readonly atomic: boolean;
}

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

interface PackageFacts {
  readonly group: string;
  readonly version: string;
  readonly name: string;
  readonly types: Readonly<Record<string, string>>;
}

export class Schema {
  readonly #packages: ReadonlyMap<string, PackageFacts>;
  readonly #byGroupVersion: ReadonlyMap<string, string>;
  readonly #messages = new Map<string, Message>();

  constructor(packages: Readonly<Record<string, PackageFacts>>) {
    this.#packages = new Map(Object.entries(packages));
    this.#byGroupVersion = new Map(
      Object.entries(packages)
        .filter(([, p]) => p.version !== '')
        .map(([id, p]) => [`${p.group}/${p.version}`, id]),
    );
  }

  /**
   * The message of a kind, or undefined for kinds that are not built in. The kinds of `meta.k8s.io` (Status,
   * DeleteOptions, …) belong to every group, as upstream registers them.
   */
  kind({ group, version, kind }: GroupVersionKind): Message | undefined {
    const own = this.#byGroupVersion.get(`${group}/${version}`);
    for (const id of [own, 'meta/v1']) {
      if (id === undefined || this.#typeText(id, kind) === undefined) continue;
      const message = this.message(`${id}.${kind}`);
      if (message.isKind) return message;
    }
    return undefined;
  }

  /** By id: `core/v1.PodSpec`. Throws for an id that no field refers to. */
  message(id: string): Message {
    const known = this.#messages.get(id);
    if (known) return known;
    const made = this.#parse(id);
    this.#messages.set(id, made);
    return made;
  }

  /** Ids of all messages of one group version, the unused ones too. */
  messageIds(packageId: string): string[] {
    const types = this.#packages.get(packageId)?.types ?? {};
    return Object.keys(types)
      .filter((name) => !types[name]?.startsWith('='))
      .map((name) => `${packageId}.${name}`);
  }

  /** The packages that hold messages: `core/v1`, `apps/v1`, … */
  packageIds(): string[] {
    return [...this.#packages.keys()].filter((id) => id.includes('/'));
  }

  /** `core/v1` of group `''` and version `v1`. */
  packageOf(group: string, version: string): string | undefined {
    return this.#byGroupVersion.get(`${group}/${version}`);
  }

  /** Group and version of a message's package. */
  groupVersionOf(id: string): { group: string; version: string } | undefined {
    const found = this.#packages.get(id.slice(0, id.indexOf('.')));
    return found ? { group: found.group, version: found.version } : undefined;
  }

  /** Kinds come from bodies, and one may call itself `constructor`. */
  #typeText(packageId: string, name: string): string | undefined {
    const types = this.#packages.get(packageId)?.types;
    return types && Object.hasOwn(types, name) ? types[name] : undefined;
  }

  #facts(id: string): { packageId: string; facts: PackageFacts; text: string; name: string } {
    const dot = id.indexOf('.');
    const packageId = id.slice(0, dot);
    const name = id.slice(dot + 1);
    const found = this.#packages.get(packageId);
    const text = this.#typeText(packageId, name);
    if (!found || text === undefined) throw new Error(`no schema for ${id}`);
    return { packageId, facts: found, text, name };
  }

  #parse(id: string): Message {
    const { packageId, text, name } = this.#facts(id);
    const atomic = text.startsWith(ATOMIC);
    const lines = atomic ? text.slice(ATOMIC.length) : text;
    const fields = lines === '' ? [] : lines.split('\n').map((line) => this.#field(line, packageId));
    const properties = new Map<string, Field>();
    const embedded = new Map<string, string>();
    for (const field of fields) {
      if (!field.inline) properties.set(field.name, field);
      else if (field.type.kind === 'message') {
        const inner = this.message(field.type.message);
        for (const [key, property] of inner.properties) {
          if (properties.has(key)) continue;
          properties.set(key, property);
          const deeper = inner.embedded.get(key);
          embedded.set(key, deeper ? `${inner.name}.${deeper}` : inner.name);
        }
      }
    }
    return {
      id,
      name,
      fields,
      properties,
      embedded,
      byNumber: new Map(fields.filter((f) => f.number > 0).map((f) => [f.number, f])),
      isKind: fields.some(
        (f) => f.inline && f.type.kind === 'message' && f.type.message === 'meta/v1.TypeMeta',
      ),
      atomic,
    };
  }

  #field(line: string, packageId: string): Field {
    const [name = '', number = '0', type = '', flags = '', ...marks] = line.split(' ');
    const mark = (key: string): string | undefined =>
      marks.find((m) => m.startsWith(`${key}=`))?.slice(key.length + 1);
    const defaults = mark('df');
    return {
      name,
      number: Number(number),
      type: this.#type(type, packageId),
      inline: flags.includes('i'),
      omitEmpty: flags.includes('o'),
      omitZero: flags.includes('z'),
      required: flags.includes('!'),
      patchStrategy: mark('ps')?.split(',') ?? [],
      patchMergeKey: mark('pk'),
      listType: mark('lt'),
      listMapKeys: mark('lk')?.split(',') ?? [],
      mapType: mark('mt'),
      structType: mark('st'),
      default: defaults === undefined ? undefined : JSON.parse(defaults),
    };
  }

  #type(code: string, packageId: string): Type {
    if (code.startsWith('*')) return { ...this.#type(code.slice(1), packageId), pointer: true };
    if (code.startsWith('[]')) {
      const items = this.#type(code.slice(2), packageId);
      return { kind: 'list', items, pointer: false, go: `[]${goOf(items)}`, wrapped: false };
    }
    if (code.startsWith('{')) {
      const end = code.indexOf('}');
      const key = this.#type(code.slice(1, end), packageId);
      const items = this.#type(code.slice(end + 1), packageId);
      return { kind: 'map', items, pointer: false, go: `map[${key.go}]${goOf(items)}` };
    }
    const scalar = SCALARS[code];
    if (scalar !== undefined) return { kind: 'scalar', scalar: code as Scalar, pointer: false, go: scalar };
    return this.#named(code.includes('.') ? code : `${packageId}.${code}`);
  }

  /** A struct, or an alias like `=  string Always|Never` resolved to what it stands for. */
  #named(id: string): Type {
    const { packageId, facts, text, name } = this.#facts(id);
    const go = `${facts.name}.${name}`;
    if (!text.startsWith('=')) return { kind: 'message', message: id, pointer: false, go };
    const [mark = '', code = '', values] = text.split(' ');
    const under = { ...this.#type(code, packageId), go };
    if (under.kind === 'list') return { ...under, wrapped: mark === '=w' };
    return under.kind === 'scalar' && values ? { ...under, values: values.split('|') } : under;
  }
}

const ATOMIC = '~atomic\n';

const goOf = (type: Type): string => (type.pointer ? `*${type.go}` : type.go);

/** Each scalar with its name in Go. */
const SCALARS: Readonly<Record<string, string | undefined>> = {
  __proto__: null as never,
  string: 'string',
  bool: 'bool',
  int: 'int',
  int32: 'int32',
  int64: 'int64',
  float64: 'float64',
  bytes: '[]uint8',
  time: 'v1.Time',
  microTime: 'v1.MicroTime',
  duration: 'v1.Duration',
  quantity: 'resource.Quantity',
  intOrString: 'intstr.IntOrString',
  raw: 'runtime.RawExtension',
  json: 'v1.JSON',
  fieldsV1: 'v1.FieldsV1',
  any: 'interface {}',
  schemaOrArray: 'v1.JSONSchemaPropsOrArray',
  schemaOrBool: 'v1.JSONSchemaPropsOrBool',
  schemaOrStringArray: 'v1.JSONSchemaPropsOrStringArray',
};

/** The schema of the Kubernetes version that Coracle serves; a constant, its messages are parsed lazily. */
export const schema = new Schema(facts);
