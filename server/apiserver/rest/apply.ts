import { apiVersionOf } from '#proto/api/resource.ts';
import { applyIntent, readIntent } from '#server/apiserver/apply/apply-object.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { presentEntry, storedOf, toStored } from '#server/apiserver/rest/conversion.ts';
import { createObject } from '#server/apiserver/rest/create.ts';
import { literalEntry, objectOf } from '#server/apiserver/rest/entries.ts';
import { missing, stale } from '#server/apiserver/rest/errors.ts';
import { keepUid, settleNamespace } from '#server/apiserver/rest/metadata.ts';
import { applyTarget, managerOfCall } from '#server/apiserver/rest/ownership.ts';
import type { PatchRequest } from '#server/apiserver/rest/patch.ts';
import { changeObject, type Updated } from '#server/apiserver/rest/update.ts';
import { keyOfCall } from '#server/apiserver/rest/write.ts';

/** Server-side apply: creates what is not there, else merges the intent and gives up what it no longer names. */
export async function applyObject(api: Api, call: Call, request: PatchRequest): Promise<Updated> {
  const { resource } = call;
  const config = readIntent(request.patch, call.name, resource);
  settleNamespace(call, structuredClone(config));
  const intent = { config, manager: managerOfCall(api, call, 'Apply'), force: request.force };
  const target = applyTarget(api, call);
  const settled: Call = { ...call, tracks: false };
  if (!api.store.get(keyOfCall(call))) {
    if (call.subresource) throw missing(call);
    const { uid } = config.metadata;
    if (uid) {
      throw stale(
        call,
        `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
      );
    }
    const object = api.codec.recode({
      object: applyIntent(undefined, intent, target),
      kind: resource,
      validation: 'Ignore',
      warn: call.warn,
    });
    // Nothing is there that it could be a precondition of.
    delete object.metadata.resourceVersion;
    return { entry: await createObject(api, settled, object), created: true };
  }
  const entry = await changeObject(api, settled, (old) => {
    const live = objectOf(presentEntry(resource, literalEntry(old)));
    const next = applyIntent(live, intent, target);
    const checked = api.codec.recode({ object: next, kind: resource, validation: 'Ignore', warn: call.warn });
    keepUid(call, checked, old);
    const stored = toStored(resource, checked);
    stored.apiVersion = apiVersionOf(storedOf(resource));
    return stored;
  });
  return { entry: presentEntry(resource, entry), created: false };
}
