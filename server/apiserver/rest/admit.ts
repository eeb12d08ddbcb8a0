import { apiVersionOf } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { GroupVersionKind } from '#proto/schema/schema.ts';
import type { AdmissionAttributes, ObjectVersions } from '#server/apiserver/admission/admission.ts';
import { Reinvocation } from '#server/apiserver/admission/reinvocation.ts';
import type { CustomVersion } from '#server/apiserver/customresources/custom-version.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { presentEntry, storedOf, toStored } from '#server/apiserver/rest/conversion.ts';
import { literalEntry, objectOf } from '#server/apiserver/rest/entries.ts';

/** What is to be admitted. */
export interface Admitted extends Pick<AdmissionAttributes, 'operation'> {
  readonly object?: KubeObject | undefined;
  readonly oldObject?: KubeObject | undefined;
  /** Of a delete. */
  readonly options?: object;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const OPTIONS_KIND = {
  CREATE: 'CreateOptions',
  UPDATE: 'UpdateOptions',
  DELETE: 'DeleteOptions',
  CONNECT: undefined,
} as const;

/** The two rounds of admission for one write: `mutate` before validation, `validate` after it. */
export class Admission {
  readonly #api: Api;
  readonly #attributes: Mutable<AdmissionAttributes>;
  readonly #isDone: boolean;

  constructor(api: Api, call: Call, { operation, object, oldObject, options }: Admitted) {
    this.#api = api;
    this.#isDone = call.admitted ?? false;
    const kind = kindOfBody(call);
    const optionsKind = OPTIONS_KIND[operation];
    this.#attributes = {
      resource: call.resource,
      subresource: call.subresource,
      kind,
      operation,
      namespace: call.namespace,
      name: call.name || object?.metadata?.name || '',
      object,
      oldObject,
      options: optionsKind && {
        ...(options ?? call.options),
        kind: optionsKind,
        apiVersion: 'meta.k8s.io/v1',
      },
      user: call.user,
      dryRun: call.dryRun,
      versions: kind.kind === call.resource.kind ? versionsOf(api, call) : oneVersion(api, call, kind),
      reinvocation: new Reinvocation(),
      warn: call.warn,
      annotate: call.annotate ?? (() => {}),
    };
  }

  /** Answers the object as the plugins left it: another one where what users configured changed it. */
  async mutate(): Promise<KubeObject | undefined> {
    if (this.#isDone) return this.#attributes.object;
    await this.#admit();
    if (this.#attributes.reinvocation.begin()) await this.#admit();
    return this.#attributes.object;
  }

  /** `object` is what will be written, where that is another one than {@link mutate} answered. */
  async validate(object = this.#attributes.object): Promise<void> {
    if (this.#isDone) return;
    this.#attributes.object = object;
    this.#attributes.name ||= object?.metadata?.name ?? '';
    for (const plugin of this.#api.admission) await plugin.validate?.(this.#attributes);
  }

  async #admit(): Promise<void> {
    for (const plugin of this.#api.admission) await plugin.admit?.(this.#attributes);
  }
}

function kindOfBody({ resource, subresource }: Call): GroupVersionKind {
  const { group, version, kind } = resource;
  const sub = resource.subresources?.find(({ name }) => name === subresource);
  return sub
    ? { group: sub.group ?? group, version: sub.version ?? version, kind: sub.kind }
    : { group, version, kind };
}

function versionsOf(api: Api, call: Call): ObjectVersions {
  const custom = api.custom.of(call.resource);
  if (custom) return customVersions(api, call, custom);
  const stored = storedOf(call.resource);
  return {
    get equivalents() {
      const others = api.resources.all.filter((r) => r !== call.resource && storedOf(r) === stored);
      return [call.resource, ...others];
    },
    present: (object, resource) =>
      structuredClone(objectOf(presentEntry(resource, literalEntry(object)))) as KubeObject,
    accept(object, resource, validation = 'Ignore') {
      const read = api.codec.recode({ object, kind: resource, validation, warn: () => {} });
      const next = toStored(resource, read);
      Object.assign(next, { apiVersion: apiVersionOf(stored), kind: stored.kind });
      api.codec.applyDefaults(next, stored);
      api.strategyOf(stored).applyDefaults?.(next);
      return next;
    },
  };
}

/** Handlers work on custom resources in the version that was asked for; its definition has the others. */
function customVersions(api: Api, call: Call, own: CustomVersion): ObjectVersions {
  return {
    get equivalents() {
      const others = own.definition.versions.filter((version) => version.served && version !== own);
      return [call.resource, ...others.map(({ resource }) => resource)];
    },
    present: (object, resource) => own.convertTo(api.custom.of(resource) ?? own, object),
    async accept(object, resource, validation = 'Ignore') {
      const read = api.codec.recode({ object, kind: resource, validation, warn: () => {} });
      const other = api.custom.of(resource) ?? own;
      const next = other === own ? read : await other.convertTo(own, read);
      api.codec.applyDefaults(next, call.resource);
      own.strategy.applyDefaults?.(next);
      return next;
    },
  };
}

function oneVersion(api: Api, call: Call, kind: GroupVersionKind): ObjectVersions {
  return {
    equivalents: [call.resource],
    present: (object) => ({
      ...structuredClone(object),
      apiVersion: apiVersionOf(kind),
      kind: kind.kind,
    }),
    accept(object, _resource, validation = 'Ignore') {
      const next = api.codec.recode({ object, kind, validation, warn: () => {} });
      api.codec.applyDefaults(next, kind);
      return next;
    },
  };
}

/** Both rounds for a body that is not stored: a review, an Eviction, a Binding. Answers it as the plugins left it. */
export async function admitCreate(api: Api, call: Call, body: KubeObject): Promise<KubeObject> {
  if (call.namespace !== undefined) body.metadata.namespace ??= call.namespace;
  const admission = new Admission(api, call, { operation: 'CREATE', object: body });
  const object = (await admission.mutate()) ?? body;
  await admission.validate(object);
  return object;
}
