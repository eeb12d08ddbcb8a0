import { apiVersionOf } from '#proto/api/resource.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import { applyIntent, readIntent } from '#server/apiserver/apply/apply-object.ts';
import type { Manager } from '#server/apiserver/apply/managed-fields.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { presentEntry, storedOf, toStored } from '#server/apiserver/rest/conversion.ts';
import { createObject } from '#server/apiserver/rest/create.ts';
import { literalEntry, objectOf } from '#server/apiserver/rest/entries.ts';
import { missing } from '#server/apiserver/rest/errors.ts';
import type { PatchRequest } from '#server/apiserver/rest/patch.ts';
import { changeObject, type Updated } from '#server/apiserver/rest/update.ts';
import { keyOfCall } from '#server/apiserver/rest/write.ts';

/** Server-side apply: creates what is not there, else merges the intent and gives up what it no longer names. */
export async function applyObject(api: Api, call: Call, request: PatchRequest): Promise<Updated> {
  const { resource } = call;
  const config = readIntent(request.patch, call.name, resource);
  // Checked as a body is: unknown fields, wrong types.
  api.codec.recode({
    object: structuredClone(config),
    kind: resource,
    validation: request.validation,
    warn: call.warn,
  });
  const manager: Manager = {
    name: call.manager,
    operation: 'Apply',
    apiVersion: apiVersionOf(resource),
    subresource: call.subresource,
    time: timestamp(api.clock.now()),
  };
  const intent = { config, manager, force: request.force };
  const shape = api.codec.shapeOf(resource);

  if (!api.store.get(keyOfCall(call))) {
    if (call.subresource || config.metadata.uid) throw missing(call);
    const object = api.codec.recode({
      object: applyIntent(undefined, intent, resource, shape),
      kind: resource,
      validation: 'Ignore',
      warn: call.warn,
    });
    return { entry: await createObject(api, call, object), created: true };
  }
  const entry = await changeObject(api, { ...call, applies: true }, (old) => {
    const live = objectOf(presentEntry(resource, literalEntry(old)));
    const next = applyIntent(live, intent, resource, shape);
    const checked = api.codec.recode({ object: next, kind: resource, validation: 'Ignore', warn: call.warn });
    const stored = toStored(resource, checked);
    stored.apiVersion = apiVersionOf(storedOf(resource));
    return stored;
  });
  return { entry: presentEntry(resource, entry), created: false };
}
