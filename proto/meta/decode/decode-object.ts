import { conform, isInputProblem } from '#proto/meta/decode/conform.ts';
import { parseJson, SyntaxProblem } from '#proto/meta/decode/json.ts';
import { type FieldValidation, StrictErrors } from '#proto/meta/decode/strict.ts';
import { parseYaml } from '#proto/meta/decode/yaml.ts';
import { invalidValue } from '#proto/meta/field-error.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { isObject, type JsonObject } from '#proto/meta/own-property.ts';
import { decodeProtobuf, isProtobuf } from '#proto/meta/protobuf/envelope.ts';
import { ProtobufError } from '#proto/meta/protobuf/wire.ts';
import { badRequest, invalid, StatusError } from '#proto/meta/status-error.ts';
import { type GroupVersionKind, type Message, schema } from '#proto/schema/schema.ts';

/** What upstream's API server reads of a body at most. */
export const MAX_BODY_BYTES = 3 * 1024 * 1024;

/**
 * Reads an object of a kind that is not built in, in place: reports to `strict` what it drops. Throws what
 * `isInputProblem` knows, and StatusErrors.
 */
export type CustomReader = (object: JsonObject, strict: StrictErrors | undefined) => void;

export interface DecodeOptions {
  /** The kind that the request is for: the resource's, or the subresource's body. */
  readonly resource: GroupVersionKind;
  readonly fieldValidation?: FieldValidation | undefined;
  /** Without it, such a kind is read as it is, but for its metadata. */
  readonly custom?: CustomReader | undefined;
}

export interface Decoded<T> {
  readonly object: T;
  /** For the `Warning` header; only with `Warn`. */
  readonly warnings: readonly string[];
}

/**
 * The object of a request's body, of JSON, YAML or protobuf, checked against its type and in canonical form,
 * without defaults. Kinds that are not built in are read as they are, but for their metadata. Throws a
 * StatusError in upstream's words.
 */
export function decodeObject<T = KubeObject>(
  body: Uint8Array,
  contentType: string | undefined,
  options: DecodeOptions,
): Decoded<T> {
  if (body.length > MAX_BODY_BYTES)
    throw new StatusError('RequestEntityTooLarge', `Request entity too large: limit is ${MAX_BODY_BYTES}`);
  const media = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const validation = options.fieldValidation ?? 'Warn';
  const strict = validation === 'Ignore' ? undefined : new StrictErrors();
  const value = parse(body, media, options.resource, strict);
  return checkObject<T>(value, options, strict, body);
}

/** The rest of {@link decodeObject} for a value that is parsed: what a patch made of an object, say. */
export function checkObject<T = KubeObject>(
  value: unknown,
  { resource, fieldValidation, custom }: DecodeOptions,
  strict: StrictErrors | undefined = fieldValidation === 'Ignore' ? undefined : new StrictErrors(),
  body: Uint8Array = new Uint8Array(0),
): Decoded<T> {
  const given = kindGiven(value, resource, body);
  const message = schema.kind(resource);
  const cannot = (why: string, cause?: unknown): StatusError =>
    badRequest(
      `${given.kind} in version ${JSON.stringify(given.version)} cannot be handled as a ${resource.kind}: ${why}`,
      cause,
    );
  if (custom) checkCustomKind((value ?? {}) as JsonObject, resource, body);
  else checkKind(given, resource, message, cannot);
  let object: JsonObject;
  try {
    const whole = { ...(value as JsonObject), apiVersion: given.apiVersion, kind: given.kind };
    if (message) object = conform(schema, message, whole, strict);
    else {
      object = structuredClone(whole);
      (custom ?? readMetadataOnly)(object, strict);
    }
  } catch (err) {
    if (isInputProblem(err)) throw cannot(err.message, err);
    throw err;
  }
  if (strict && strict.messages.length > 0 && fieldValidation === 'Strict')
    throw cannot(`strict decoding error: ${strict.messages.join(', ')}`);
  return { object: object as T, warnings: strict?.warnings ?? [] };
}

function parse(
  body: Uint8Array,
  media: string,
  resource: GroupVersionKind,
  strict: StrictErrors | undefined,
): unknown {
  try {
    switch (media) {
      case '':
      case 'application/json':
        return parseJson(new TextDecoder().decode(body), strict);
      case 'application/yaml':
        return parseYaml(new TextDecoder().decode(body), strict);
      case 'application/vnd.kubernetes.protobuf':
        return decodeProtobuf(body, isProtobuf(body) ? resource : undefined);
    }
  } catch (err) {
    if (err instanceof SyntaxProblem)
      throw unrecognized(resource, `couldn't get version/kind; json parse error: ${err.message}`, body, err);
    if (err instanceof ProtobufError) throw unrecognized(resource, err.message, body, err);
    throw err;
  }
  throw new StatusError(
    'UnsupportedMediaType',
    'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
  );
}

interface GivenKind extends GroupVersionKind {
  readonly apiVersion: string;
}

/** What the body says of itself, completed with what the request is for. */
function kindGiven(value: unknown, resource: GroupVersionKind, body: Uint8Array): GivenKind {
  // Go reads null as an object without fields.
  if (value !== null && !isObject(value))
    throw unrecognized(
      resource,
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${Array.isArray(value) ? 'array' : typeof value} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`,
      body,
    );
  const { apiVersion, kind } = value ?? {};
  for (const [name, text] of Object.entries({ apiVersion, kind }))
    if (text !== undefined && text !== null && typeof text !== 'string')
      throw unrecognized(
        resource,
        `couldn't get version/kind; json parse error: json: cannot unmarshal ${typeof text} into Go struct field .${name} of type string`,
        body,
      );
  const own = resource.group ? `${resource.group}/${resource.version}` : resource.version;
  const text = (apiVersion as string | null | undefined) || own;
  const slash = text.indexOf('/');
  return {
    apiVersion: text,
    group: slash < 0 ? '' : text.slice(0, slash),
    version: text.slice(slash + 1),
    kind: (kind as string | null | undefined) || resource.kind,
  };
}

function checkKind(
  given: GivenKind,
  resource: GroupVersionKind,
  message: Message | undefined,
  cannot: (why: string) => StatusError,
): void {
  const same = given.group === resource.group && given.version === resource.version;
  if (given.kind === resource.kind && (same || message?.id.startsWith('meta/v1.'))) return;
  if (!schema.kind(given) || !message)
    throw cannot(
      `no kind ${JSON.stringify(given.kind)} is registered for version ${JSON.stringify(given.apiVersion)} in the scheme`,
    );
  if (given.kind !== resource.kind)
    throw cannot(
      `converting (${given.version}.${given.kind}) to (${resource.group.split('.')[0] || 'core'}.${resource.kind}): unknown conversion`,
    );
  const want = resource.group ? `${resource.group}/${resource.version}` : resource.version;
  throw badRequest(
    `the API version in the data (${given.apiVersion}) does not match the expected API version (${want})`,
  );
}

/** A custom kind has to be named, and its version as well. */
function checkCustomKind(value: JsonObject, resource: GroupVersionKind, body: Uint8Array): void {
  const { apiVersion, kind } = value;
  if (!kind) {
    const text = new TextDecoder().decode(body).trim() || JSON.stringify(value);
    throw unrecognized(resource, `Object 'Kind' is missing in '${text}'`, body);
  }
  const want = resource.group ? `${resource.group}/${resource.version}` : resource.version;
  if ((apiVersion ?? '') !== want)
    throw badRequest(
      `the API version in the data (${String(apiVersion ?? '')}) does not match the expected API version (${want})`,
    );
  if (kind === resource.kind) return;
  const { name } = (value['metadata'] ?? {}) as { name?: unknown };
  throw invalid({ group: resource.group, kind: String(kind) }, typeof name === 'string' ? name : '', [
    invalidValue('kind', kind, `must be ${resource.kind}`),
  ]);
}

function readMetadataOnly(object: JsonObject, strict: StrictErrors | undefined): void {
  const { metadata } = object;
  const own = conform(schema, schema.message('meta/v1.PartialObjectMetadata'), { metadata }, strict);
  object['metadata'] = own['metadata'];
}

function unrecognized(
  resource: GroupVersionKind,
  why: string,
  body: Uint8Array,
  cause?: unknown,
): StatusError {
  return badRequest(
    `the object provided is unrecognized (must be of type ${resource.kind}): ${why} (${summary(body)})`,
    cause,
  );
}

/** The beginning of a body, in hexadecimal unless it looks like JSON. */
function summary(body: Uint8Array): string {
  if (body.length === 0) return '<empty>';
  const head = Buffer.from(body.subarray(0, 30));
  const text = body[0] === 0x7b ? head.toString('utf8') : head.toString('hex');
  return body.length > 30 ? `${text} ...` : text;
}
