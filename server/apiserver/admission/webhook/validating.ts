import { validatingwebhookconfigurations } from '#proto/api/admissionregistration/validatingwebhookconfigurations.ts';
import type { Resource } from '#proto/api/resource.ts';
import type { Logger } from '#proto/meta/log.ts';
import { internalError } from '#proto/meta/status-error.ts';
import type { ValidatingWebhook } from '#proto/schema/generated/admissionregistration-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { type CallDeps, CallFailure, callHook } from '#server/apiserver/admission/webhook/call-hook.ts';
import { resourceFor } from '#server/apiserver/admission/webhook/choose.ts';
import { type Hook, Hooks } from '#server/apiserver/admission/webhook/hooks.ts';
import { isExempt } from '#server/apiserver/admission/webhook/match.plan.ts';
import type { Invocation } from '#server/apiserver/admission/webhook/review.plan.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';

export interface WebhookAdmissionDeps extends CallDeps {
  readonly reader: ObjectReader;
  /** Do the webhook's CEL conditions hold for the write, seen as `resource`? Rejects with a StatusError. */
  readonly matchesConditions: (
    hook: Hook,
    attributes: AdmissionAttributes,
    resource: Resource,
  ) => Promise<boolean>;
  readonly log: Logger;
}

/**
 * Webhooks that may refuse what is written, all at the same time. Rule: `validatingDispatcher` of
 * k8s.io/apiserver/pkg/admission/plugin/webhook.
 */
export class ValidatingAdmissionWebhook implements AdmissionPlugin {
  readonly name = 'ValidatingAdmissionWebhook';
  readonly #deps: WebhookAdmissionDeps;
  readonly #hooks: Hooks<ValidatingWebhook>;

  constructor(deps: WebhookAdmissionDeps) {
    this.#deps = deps;
    this.#hooks = new Hooks(deps.reader, validatingwebhookconfigurations);
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const hooks = this.#hooks.all;
    if (hooks.length === 0 || isExempt(attributes.resource)) return;
    const seen = new Map<Resource, Promise<Invocation>>();
    const chosen: { readonly hook: Hook; readonly invocation: Promise<Invocation> }[] = [];
    for (const hook of hooks) {
      const resource = resourceFor(hook, attributes, this.#deps.reader);
      if (!resource || !(await this.#deps.matchesConditions(hook, attributes, resource))) continue;
      const invocation = seen.get(resource) ?? invocationOf(attributes, resource);
      seen.set(resource, invocation);
      chosen.push({ hook, invocation });
    }
    // All are heard, and the first who refuses is quoted.
    const refusals: unknown[] = [];
    const calls = chosen.map(async ({ hook, invocation }, index) => {
      try {
        await this.#call(hook, index, attributes, await invocation);
      } catch (err) {
        refusals.push(err);
      }
    });
    await Promise.all(calls);
    if (refusals.length > 0) throw refusals[0];
  }

  async #call(hook: Hook, index: number, attributes: AdmissionAttributes, invocation: Invocation) {
    const { name, failurePolicy } = hook.webhook;
    try {
      await callHook(hook, attributes, invocation, false, this.#deps);
    } catch (err) {
      if (!(err instanceof CallFailure)) throw err;
      if (failurePolicy !== 'Ignore') throw internalError(err);
      this.#deps.log.warn('a webhook was passed over', { webhook: name, err });
      attributes.annotate(`failed-open.validating.webhook.admission.k8s.io/round_0_index_${index}`, name);
    }
  }
}

async function invocationOf(
  { object, oldObject, versions }: AdmissionAttributes,
  resource: Resource,
): Promise<Invocation> {
  return {
    resource,
    object: object && (await versions.present(object, resource)),
    oldObject: oldObject && (await versions.present(oldObject, resource)),
  };
}
