import { conform } from '#proto/meta/decode/conform.ts';
import { type CustomReader, checkObject, decodeObject } from '#proto/meta/decode/decode-object.ts';
import { applySchemaDefaults } from '#proto/meta/decode/defaults.ts';
import { parseJson, SyntaxProblem } from '#proto/meta/decode/json.ts';
import { StrictErrors } from '#proto/meta/decode/strict.ts';
import { parseYaml } from '#proto/meta/decode/yaml.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { isObject, type JsonObject } from '#proto/meta/own-property.ts';
import { applyJsonPatch, readJsonPatch } from '#proto/meta/patch/json-patch.ts';
import { applyMergePatch } from '#proto/meta/patch/merge-patch.ts';
import { applyStrategicMergePatch } from '#proto/meta/patch/strategic.ts';
import { badRequest, StatusError } from '#proto/meta/status-error.ts';
import { type GroupVersionKind, schema } from '#proto/schema/schema.ts';
import { type Shape, shapeOfKind } from '#server/apiserver/apply/shape.ts';
import type { Codec } from '#server/apiserver/rest/codec.ts';

const decoder = new TextDecoder();

/** Kinds whose schema is no part of the program. */
export interface CustomKinds {
  ofKind(kind: GroupVersionKind): CustomKind | undefined;
}

export interface CustomKind {
  /** Checks and prunes an object, in place, as the codec does with those of built-in kinds. */
  read(object: JsonObject, strict: StrictErrors | undefined): void;
  applyDefaults(object: object): void;
  readonly shape: Shape;
}

/** The codec of the built-in kinds, for which everything follows from the generated schema, and of custom ones. */
export function createSchemaCodec(custom: CustomKinds = { ofKind: () => undefined }): Codec {
  const readerOf = (kind: GroupVersionKind): CustomReader | undefined => {
    const own = custom.ofKind(kind);
    return own && ((object, strict) => own.read(object, strict));
  };
  const shapes = new Map<string, Shape>();
  const zeros = new Map<string, KubeObject>();
  return {
    decode: ({ bytes, contentType, fallback, validation, warn }) => {
      const { object, warnings } = decodeObject(bytes, contentType, {
        resource: fallback,
        fieldValidation: validation,
        custom: readerOf(fallback),
      });
      if (validation === 'Warn') warnings.forEach(warn);
      return object;
    },
    recode: ({ object, kind, validation, warn }) => {
      const checked = checkObject(object, {
        resource: kind,
        fieldValidation: validation,
        custom: readerOf(kind),
      });
      if (validation === 'Warn') checked.warnings.forEach(warn);
      return checked.object;
    },
    applyDefaults: (object, kind) => {
      const message = schema.kind(kind);
      if (message) applySchemaDefaults(schema, message, object as unknown as JsonObject);
      else custom.ofKind(kind)?.applyDefaults(object);
    },
    shapeOf: (kind) => custom.ofKind(kind)?.shape ?? cached(shapes, kind, () => shapeOfKind(schema, kind)),
    zeroOf: (kind) => cached(zeros, kind, () => zeroOf(kind)),
    decodePatch: (bytes, type, validation, warn) => {
      const text = decoder.decode(bytes);
      const strict = validation === 'Ignore' ? undefined : new StrictErrors();
      let patch: unknown;
      try {
        patch = type === 'apply' ? parseYaml(text, strict) : parseJson(text, strict);
      } catch (err) {
        if (!(err instanceof SyntaxProblem)) throw err;
        const what = type === 'apply' ? 'YAML: error converting YAML to JSON' : 'patch';
        throw badRequest(`error decoding ${what}: ${err.message}`, err);
      }
      const doubled = (validation === 'Strict' ? strict?.messages : strict?.warnings) ?? [];
      if (doubled.length > 0 && validation === 'Strict') {
        throw badRequest(
          type === 'apply'
            ? `error strict decoding YAML: error converting YAML to JSON: ${doubled.join(', ')}`
            : `error decoding patch: strict decoding error: ${doubled.join(', ')}`,
        );
      }
      doubled.forEach(warn);
      return patch;
    },
    jsonPatch: (object, patch) => applyJsonPatch(object, readJsonPatch(patch)) as KubeObject,
    mergePatch: (object, patch) => {
      if (!isObject(patch)) throw badRequest(`error decoding patch: ${notAMap(patch)}`);
      return applyMergePatch(object, patch) as KubeObject;
    },
    strategicMergePatch: (object, patch, kind) => {
      const message = schema.kind(kind);
      if (!message)
        throw new StatusError(
          'UnsupportedMediaType',
          `the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml`,
        );
      if (!isObject(patch)) throw badRequest(notAMap(patch));
      return applyStrategicMergePatch(
        schema,
        message,
        object as unknown as JsonObject,
        patch,
      ) as unknown as KubeObject;
    },
  };
}

const notAMap = (value: unknown): string =>
  `json: cannot unmarshal ${Array.isArray(value) ? 'array' : typeof value} into Go value of type map[string]interface {}`;

/** Kinds are few, and each is asked for with every write. Only built-in ones are kept: others come and go. */
function cached<T>(known: Map<string, T>, { group, version, kind }: GroupVersionKind, make: () => T): T {
  const key = `${group}/${version}/${kind}`;
  let value = known.get(key);
  if (value === undefined) {
    value = make();
    if (schema.kind({ group, version, kind })) known.set(key, value);
  }
  return value;
}

function zeroOf(kind: GroupVersionKind): KubeObject {
  const message = schema.kind(kind);
  return { metadata: {}, ...(message ? conform(schema, message, {}, undefined) : {}) } as KubeObject;
}
