import { apiVersionOf, groupResourceOf } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { badRequest, forbidden, StatusError } from '#proto/meta/status-error.ts';
import { Admission } from '#server/apiserver/rest/admit.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { presentEntry, storedOf, toStored } from '#server/apiserver/rest/conversion.ts';
import { exists } from '#server/apiserver/rest/errors.ts';
import { generateName, settleNamespace, stampNew } from '#server/apiserver/rest/metadata.ts';
import { noteUpdate } from '#server/apiserver/rest/ownership.ts';
import { countsGenerations, hasStatus, takesKubeFinalizers } from '#server/apiserver/rest/traits.ts';
import { contextOf, refuse, save, validationContext } from '#server/apiserver/rest/write.ts';
import { validateObjectMeta } from '#server/registry/validation/object-meta.ts';
import { type Entry, RevisionMismatch } from '#server/store/store.ts';

/** Generated names collide rarely; after this many the client is told to try again. */
const NAME_ATTEMPTS = 8;

/** Creates an object from a decoded body, which is a private copy. */
export async function createObject(api: Api, call: Call, body: KubeObject): Promise<Entry> {
  if (body.metadata.resourceVersion) {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  settleNamespace(call, body);
  const generated = !body.metadata.name && body.metadata.generateName !== undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      // Only a name that is made up may have to be made up again.
      const draft = generated ? structuredClone(body) : body;
      return presentEntry(call.resource, await createOnce(api, call, draft));
    } catch (err) {
      if (!(err instanceof RevisionMismatch)) throw err;
      const name = body.metadata.name ?? '';
      if (!generated) throw exists(call, name);
      if (attempt === NAME_ATTEMPTS) {
        throw new StatusError(
          'AlreadyExists',
          `the server was not able to generate a unique name for the object`,
        );
      }
    }
  }
}

const TERMINATING = 'create not allowed while custom resource definition is terminating';

async function createOnce(api: Api, call: Call, body: KubeObject): Promise<Entry> {
  if (api.custom.of(call.resource)?.definition.terminating)
    throw forbidden(groupResourceOf(call.resource), body.metadata.name ?? '', TERMINATING);
  const stored = storedOf(call.resource);
  const strategy = api.strategyOf(stored);
  let object = toStored(call.resource, body);
  // In process, objects come without.
  Object.assign(object, { apiVersion: apiVersionOf(stored), kind: stored.kind });
  api.codec.applyDefaults(object, stored);
  strategy.applyDefaults?.(object);

  if (call.tracks !== false) noteUpdate(api, call, object, undefined);

  const admission = new Admission(api, call, { operation: 'CREATE', object });
  object = (await admission.mutate()) ?? object;
  settleNamespace(call, object);
  const meta = object.metadata;
  if (!meta.name && meta.generateName) meta.name = generateName(meta.generateName, api.random);
  stampNew(api, object);
  strategy.prepareForCreate?.(object, contextOf(api, call));
  if (hasStatus(stored, strategy)) fillStatus(object, api.codec.zeroOf(stored));
  if (countsGenerations(stored, strategy)) object.metadata.generation = 1;

  const context = await validationContext(api, call, strategy, object);
  const reservation = api.services.reserve(stored, object, undefined);
  try {
    refuse(stored, object.metadata.name ?? '', [
      ...validateObjectMeta(object.metadata, {
        namespaced: stored.namespaced,
        nameRule: strategy.nameRule,
        kubeFinalizers: takesKubeFinalizers(stored),
      }),
      ...(strategy.validate?.(object, context) ?? []),
    ]);
    await admission.validate(object);
    for (const warning of strategy.warnings?.(object) ?? []) call.warn(warning);
    const entry = await save(api, call, object, 0);
    reservation.settle(!call.dryRun);
    return entry;
  } catch (err) {
    reservation.settle(false);
    throw err;
  }
}

/** A new status has what Go writes of nothing: counts of zero. */
function fillStatus(object: KubeObject, zero: KubeObject): void {
  const begun = object as { status?: object };
  const nothing = (zero as { status?: object }).status;
  if (nothing && Object.keys(nothing).length > 0)
    begun.status = { ...structuredClone(nothing), ...begun.status };
}
