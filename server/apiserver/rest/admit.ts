import type { KubeObject } from '#proto/meta/object.ts';
import type { AdmissionAttributes } from '#server/apiserver/admission/admission.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';

/** The two rounds of admission for one write: `mutate` before validation, `validate` after it. */
export class Admission {
  readonly #api: Api;
  readonly #attributes: AdmissionAttributes;

  constructor(
    api: Api,
    call: Call,
    operation: AdmissionAttributes['operation'],
    object: KubeObject | undefined,
    oldObject: KubeObject | undefined,
  ) {
    this.#api = api;
    this.#attributes = {
      resource: call.resource,
      subresource: call.subresource,
      operation,
      namespace: call.namespace,
      name: call.name || object?.metadata.name || '',
      object,
      oldObject,
      user: call.user,
      dryRun: call.dryRun,
      warn: call.warn,
    };
  }

  /** Answers the object as the plugins left it. */
  async mutate(): Promise<KubeObject | undefined> {
    for (const plugin of this.#api.admission) await plugin.admit?.(this.#attributes);
    return this.#attributes.object;
  }

  async validate(): Promise<void> {
    for (const plugin of this.#api.admission) await plugin.validate?.(this.#attributes);
  }
}
