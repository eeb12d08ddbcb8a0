import { apiVersionOf } from '#proto/api/resource.ts';
import type { FieldValidation } from '#proto/meta/decode/strict.ts';
import { invalidValue } from '#proto/meta/field-error.ts';
import { goFormat } from '#proto/meta/go-format.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { isObject } from '#proto/meta/own-property.ts';
import { unprocessable } from '#proto/meta/patch/patch-error.ts';
import { StatusError } from '#proto/meta/status-error.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { applyObject } from '#server/apiserver/rest/apply.ts';
import type { PatchKind } from '#server/apiserver/rest/codec.ts';
import { presentEntry, storedOf, toStored } from '#server/apiserver/rest/conversion.ts';
import { literalEntry, objectOf } from '#server/apiserver/rest/entries.ts';
import { keepUid, requireName } from '#server/apiserver/rest/metadata.ts';
import { changeObject, type Updated } from '#server/apiserver/rest/update.ts';

export interface PatchRequest {
  readonly type: PatchKind;
  /** Decoded: operations, a partial object, or for `apply` a whole intent. */
  readonly patch: unknown;
  readonly validation: FieldValidation;
  /** Server-side apply only: take fields from their owners. */
  readonly force: boolean;
}

/** Patches an object or its subresource; server-side apply creates what is not there. */
export async function patchObject(api: Api, call: Call, request: PatchRequest): Promise<Updated> {
  if (request.type === 'apply') return applyObject(api, call, request);
  const stored = storedOf(call.resource);
  const entry = await changeObject(api, call, (old) => {
    // In the version that the client asked for: its patch speaks of those fields.
    const shown = objectOf(presentEntry(call.resource, literalEntry(old)));
    const patched = patchedObject(api, call, request, shown);
    keepUid(call, patched, old);
    const next = toStored(call.resource, patched);
    next.apiVersion = apiVersionOf(stored);
    return next;
  });
  return { entry: presentEntry(call.resource, entry), created: false };
}

function patchedObject(api: Api, call: Call, request: PatchRequest, shown: KubeObject): KubeObject {
  const copy = structuredClone(shown);
  const { type, patch, validation } = request;
  let next: KubeObject;
  switch (type) {
    case 'json':
      next = api.codec.jsonPatch(copy, patch);
      break;
    case 'merge':
      next = api.codec.mergePatch(copy, patch);
      break;
    default:
      next = api.codec.strategicMergePatch(copy, patch, call.resource);
  }
  // A JSON patch may replace the whole, or remove it.
  if (!isObject(next)) throw unprocessable('the patch leaves no object');
  const shownPatch = type === 'strategic' ? goFormat(patch) : JSON.stringify(next);
  next = fitted(shownPatch, () =>
    api.codec.recode({ object: next, kind: call.resource, validation, warn: call.warn }),
  );
  requireName(call, next);
  return next;
}

/** 422 with what was patched where the result does not fit the kind. Rule: upstream's `patcher`. */
function fitted(value: string, recode: () => KubeObject): KubeObject {
  try {
    return recode();
  } catch (err) {
    if (!(err instanceof StatusError) || err.code !== 400) throw err;
    const why = /cannot be handled as an? \w+: (.*)$/s.exec(err.message)?.[1] ?? err.message;
    const cause = invalidValue('patch', value, why);
    throw new StatusError('Invalid', ` "" is invalid: patch: ${cause.message}`, {
      details: { causes: [cause] },
      cause: err,
    });
  }
}
