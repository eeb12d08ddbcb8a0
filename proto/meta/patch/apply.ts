import { checkObject, type Decoded, MAX_BODY_BYTES } from '#proto/meta/decode/decode-object.ts';
import { parseJson, SyntaxProblem } from '#proto/meta/decode/json.ts';
import { type FieldValidation, StrictErrors } from '#proto/meta/decode/strict.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { isObject, type JsonObject } from '#proto/meta/own-property.ts';
import { applyJsonPatch, readJsonPatch } from '#proto/meta/patch/json-patch.ts';
import { applyMergePatch } from '#proto/meta/patch/merge-patch.ts';
import { applyStrategicMergePatch } from '#proto/meta/patch/strategic.ts';
import { badRequest, StatusError } from '#proto/meta/status-error.ts';
import { type GroupVersionKind, schema } from '#proto/schema/schema.ts';

export const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
] as const;

export interface PatchOptions {
  /** The kind of the object that is patched: a resource's, or a subresource's own (`autoscaling/v1` Scale). */
  readonly resource: GroupVersionKind;
  readonly fieldValidation?: FieldValidation | undefined;
}

/**
 * Applies a PATCH body to an object: the new object in canonical form, checked like a body that was sent
 * whole, and the warnings. The original stays as it was. Throws a StatusError in upstream's words.
 */
export function applyPatch<T = KubeObject>(
  original: Readonly<KubeObject>,
  body: Uint8Array,
  contentType: string,
  options: PatchOptions,
): Decoded<T> {
  if (body.length > MAX_BODY_BYTES)
    throw new StatusError('RequestEntityTooLarge', `Request entity too large: limit is ${MAX_BODY_BYTES}`);
  const media = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  const strict = options.fieldValidation === 'Ignore' ? undefined : new StrictErrors();
  const patched = patchValue(original as unknown as JsonObject, body, media, options.resource, strict);
  const doubled = strict?.messages.slice() ?? [];
  if (doubled.length > 0 && options.fieldValidation === 'Strict')
    throw badRequest(`error decoding patch: strict decoding error: ${doubled.join(', ')}`);
  const { object, warnings } = checkObject<T>(patched, options);
  return { object, warnings: [...doubled, ...warnings] };
}

function patchValue(
  original: Readonly<JsonObject>,
  body: Uint8Array,
  media: string,
  resource: GroupVersionKind,
  strict: StrictErrors | undefined,
): unknown {
  switch (media) {
    case 'application/json-patch+json':
      return applyJsonPatch(original, readJsonPatch(parse(body, strict)));
    case 'application/merge-patch+json': {
      const patch = parse(body, strict);
      if (!isObject(patch)) throw badRequest('Invalid JSON Patch');
      return applyMergePatch(original, patch);
    }
    case 'application/strategic-merge-patch+json': {
      const message = schema.kind(resource);
      if (!message) throw unsupported();
      const patch = parse(body, strict);
      if (!isObject(patch)) throw badRequest('invalid JSON document');
      return applyStrategicMergePatch(schema, message, original, patch);
    }
    default:
      throw unsupported();
  }
}

function parse(body: Uint8Array, strict: StrictErrors | undefined): unknown {
  try {
    return parseJson(new TextDecoder().decode(body), strict);
  } catch (err) {
    if (err instanceof SyntaxProblem) throw badRequest(`error decoding patch: ${err.message}`, err);
    throw err;
  }
}

const unsupported = (): StatusError =>
  new StatusError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${PATCH_TYPES.join(', ')}`,
  );
