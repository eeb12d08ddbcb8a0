import type { Message, Scalar, Schema, Type } from '#proto/schema/schema.ts';

export type JsonSchema = Record<string, unknown>;

/** Texts for `kubectl explain`: of a message under `''`, of its fields under their names. */
export type DescriptionsOf = (messageId: string) => Readonly<Record<string, string>> | undefined;

/** Version 2 has no unions and no defaults: what upstream prunes there. */
export type Dialect = 'v2' | 'v3';

const REF: Readonly<Record<Dialect, string>> = { v2: '#/definitions/', v3: '#/components/schemas/' };
const MACHINERY = 'io.k8s.apimachinery.pkg';

/** Where the Go package of a group lies, when not in k8s.io/api. */
const PACKAGE: Readonly<Record<string, string>> = {
  meta: `${MACHINERY}.apis.meta`,
  apiextensions: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions',
  apiregistration: 'io.k8s.kube-aggregator.pkg.apis.apiregistration',
  metrics: 'io.k8s.metrics.pkg.apis.metrics',
};

/** `core/v1.PodSpec` gives `io.k8s.api.core.v1.PodSpec`, the name that tools know it by. */
export function definitionName(messageId: string): string {
  const slash = messageId.indexOf('/');
  const group = messageId.slice(0, slash);
  return `${PACKAGE[group] ?? `io.k8s.api.${group}`}.${messageId.slice(slash + 1)}`;
}

/** Types that upstream publishes as definitions of their own although they are no structs in JSON. */
const BUILTIN: Partial<
  Record<Scalar, { readonly name: string; readonly schema: JsonSchema; readonly v2?: JsonSchema }>
> = {
  time: { name: `${MACHINERY}.apis.meta.v1.Time`, schema: { type: 'string', format: 'date-time' } },
  microTime: { name: `${MACHINERY}.apis.meta.v1.MicroTime`, schema: { type: 'string', format: 'date-time' } },
  duration: { name: `${MACHINERY}.apis.meta.v1.Duration`, schema: { type: 'string' } },
  fieldsV1: { name: `${MACHINERY}.apis.meta.v1.FieldsV1`, schema: { type: 'object' } },
  raw: { name: `${MACHINERY}.runtime.RawExtension`, schema: { type: 'object' } },
  quantity: {
    name: `${MACHINERY}.api.resource.Quantity`,
    schema: { oneOf: [{ type: 'string' }, { type: 'number' }] },
    v2: { type: 'string' },
  },
  intOrString: {
    name: `${MACHINERY}.util.intstr.IntOrString`,
    schema: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
    v2: { format: 'int-or-string', type: 'string' },
  },
  json: { name: definitionName('apiextensions/v1.JSON'), schema: {} },
  schemaOrArray: { name: definitionName('apiextensions/v1.JSONSchemaPropsOrArray'), schema: {} },
  schemaOrBool: { name: definitionName('apiextensions/v1.JSONSchemaPropsOrBool'), schema: {} },
  schemaOrStringArray: { name: definitionName('apiextensions/v1.JSONSchemaPropsOrStringArray'), schema: {} },
};

const PLAIN: Partial<Record<Scalar, JsonSchema>> = {
  string: { type: 'string' },
  bool: { type: 'boolean' },
  int: { type: 'integer', format: 'int32' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  float64: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
  any: { type: 'object' },
};

const GVK = 'x-kubernetes-group-version-kind';
/** Kinds of the machinery that upstream registers with every group: the body of a delete, the events of a watch. */
const EVERYWHERE = new Set(['DeleteOptions', 'WatchEvent']);

function gvksOf(schema: Schema, of: { group: string; version: string }, kind: string): JsonSchema[] {
  if (of.group !== 'meta.k8s.io') return [{ group: of.group, kind, version: of.version }];
  if (!EVERYWHERE.has(kind)) return [{ group: '', kind, version: of.version }];
  return schema
    .packageIds()
    .flatMap((id) => schema.groupVersionOf(`${id}.`) ?? [])
    .filter(({ group }) => group !== 'meta.k8s.io')
    .map(({ group, version }) => ({ group, kind, version }))
    .sort((a, b) => (`${a.group}/${a.version}` < `${b.group}/${b.version}` ? -1 : 1));
}

/** Collects the definitions that documents refer to, each once, with all that they refer to in turn. */
export class SchemaCollector {
  readonly #schema: Schema;
  readonly #describe: DescriptionsOf;
  readonly dialect: Dialect;
  readonly definitions: Record<string, JsonSchema> = {};

  constructor(schema: Schema, describe: DescriptionsOf, dialect: Dialect) {
    this.#schema = schema;
    this.#describe = describe;
    this.dialect = dialect;
  }

  /** Adds a message and answers the reference to it. */
  reference(messageId: string): JsonSchema {
    const name = definitionName(messageId);
    if (!Object.hasOwn(this.definitions, name)) {
      const definition: JsonSchema = {};
      this.definitions[name] = definition; // before its fields: types can hold themselves
      this.#fill(definition, this.#schema.message(messageId));
    }
    return this.refer(name);
  }

  /** Adds a definition that is no built-in message: a custom kind. */
  add(name: string, definition: JsonSchema): JsonSchema {
    this.definitions[name] ??= definition;
    return this.refer(name);
  }

  refer(name: string): JsonSchema {
    return { $ref: REF[this.dialect] + name };
  }

  /** What is said of a message, or of one of its fields. */
  textOf(messageId: string, field = ''): string | undefined {
    return this.#describe(messageId)?.[field];
  }

  /** What stands beside a reference is ignored by readers of version 3, so that a text needs `allOf` around it. */
  described(reference: JsonSchema, description: string | undefined): JsonSchema {
    if (!description) return reference;
    return this.dialect === 'v2' ? { description, ...reference } : { description, allOf: [reference] };
  }

  #fill(out: JsonSchema, message: Message): void {
    const texts = this.#describe(message.id) ?? {};
    if (texts['']) out['description'] = texts[''];
    out['type'] = 'object';
    const properties: Record<string, JsonSchema> = {};
    for (const field of [...message.properties.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const own = this.#type(field.type, texts[field.name]);
      if (field.default !== undefined && this.dialect === 'v3') own['default'] = field.default;
      if (field.patchStrategy.length > 0) own['x-kubernetes-patch-strategy'] = field.patchStrategy.join(',');
      if (field.patchMergeKey) own['x-kubernetes-patch-merge-key'] = field.patchMergeKey;
      if (field.listType) own['x-kubernetes-list-type'] = field.listType;
      if (field.listMapKeys.length > 0) own['x-kubernetes-list-map-keys'] = field.listMapKeys;
      const mapType = field.mapType ?? field.structType;
      if (mapType) own['x-kubernetes-map-type'] = mapType;
      properties[field.name] = own;
    }
    const required = [...message.properties.values()].filter((f) => f.required).map((f) => f.name);
    if (Object.keys(properties).length > 0) out['properties'] = properties;
    if (required.length > 0) out['required'] = required;
    if (message.atomic) out['x-kubernetes-map-type'] = 'atomic';
    const of = message.isKind ? this.#schema.groupVersionOf(message.id) : undefined;
    if (of) out[GVK] = gvksOf(this.#schema, of, message.name);
  }

  #type(type: Type, description?: string): JsonSchema {
    const text = description ? { description } : {};
    switch (type.kind) {
      case 'list':
        return { ...text, type: 'array', items: this.#type(type.items) };
      case 'map':
        return { ...text, type: 'object', additionalProperties: this.#type(type.items) };
      case 'message':
        // The texts have none of their own for a field that is an object: what is said of its type will do.
        return this.described(this.reference(type.message), description ?? this.textOf(type.message));
      case 'scalar': {
        const builtin = BUILTIN[type.scalar];
        if (builtin) {
          const own = (this.dialect === 'v2' && builtin.v2) || builtin.schema;
          return this.described(this.add(builtin.name, own), description);
        }
        const values = type.values ? { enum: [...type.values].sort() } : {};
        return { ...text, ...PLAIN[type.scalar], ...values };
      }
    }
  }
}
