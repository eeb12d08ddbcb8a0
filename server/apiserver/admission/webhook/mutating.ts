import { isDeepStrictEqual } from 'node:util';
import { mutatingwebhookconfigurations } from '#proto/api/admissionregistration/mutatingwebhookconfigurations.ts';
import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { applyJsonPatch, readJsonPatch } from '#proto/meta/patch/json-patch.ts';
import { internalError } from '#proto/meta/status-error.ts';
import type { MutatingWebhook } from '#proto/schema/generated/admissionregistration-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { CallFailure, callHook } from '#server/apiserver/admission/webhook/call-hook.ts';
import { resourceFor } from '#server/apiserver/admission/webhook/choose.ts';
import { type Hook, Hooks } from '#server/apiserver/admission/webhook/hooks.ts';
import { isExempt } from '#server/apiserver/admission/webhook/match.plan.ts';
import type { WebhookAdmissionDeps } from '#server/apiserver/admission/webhook/validating.ts';

/** What the first round leaves for the second. */
interface Memory {
  /** The object as the last webhook left it. */
  output: KubeObject | undefined;
  /** Called, and willing to be called again. */
  readonly willing: Set<string>;
  /** To be called again: something changed after them. */
  readonly again: Set<string>;
}

/**
 * Webhooks that may change what is written, one after the other, each on what the one before left. Where one of them changed
 * something, those with `reinvocationPolicy: IfNeeded` that came before it are asked once more. Rule: `mutatingDispatcher` of
 * k8s.io/apiserver/pkg/admission/plugin/webhook.
 */
export class MutatingAdmissionWebhook implements AdmissionPlugin {
  readonly name = 'MutatingAdmissionWebhook';
  readonly #deps: WebhookAdmissionDeps;
  readonly #hooks: Hooks<MutatingWebhook>;

  constructor(deps: WebhookAdmissionDeps) {
    this.#deps = deps;
    this.#hooks = new Hooks(deps.reader, mutatingwebhookconfigurations);
  }

  async admit(attributes: AdmissionAttributes): Promise<void> {
    const hooks = this.#hooks.all;
    if (hooks.length === 0 || isExempt(attributes.resource)) return;
    const { reinvocation } = attributes;
    const memory = reinvocation.recall(this.name, newMemory);
    if (reinvocation.isSecond && !isDeepStrictEqual(memory.output, attributes.object)) callAgain(memory);
    for (const [index, hook] of hooks.entries()) {
      const resource = resourceFor(hook, attributes, this.#deps.reader);
      if (!resource || !(await this.#deps.matchesConditions(hook, attributes, resource))) continue;
      if (reinvocation.isSecond && !memory.again.has(hook.id)) continue;
      await this.#call(hook, index, attributes, resource, memory);
    }
    // Only a second round looks at it, and there is none without a willing webhook.
    if (memory.willing.size > 0 || memory.again.size > 0) memory.output = structuredClone(attributes.object);
  }

  async #call(
    hook: Hook<MutatingWebhook>,
    index: number,
    attributes: AdmissionAttributes,
    resource: Resource,
    memory: Memory,
  ): Promise<void> {
    const { webhook, configuration } = hook;
    const { reinvocation } = attributes;
    const at = `round_${reinvocation.isSecond ? 1 : 0}_index_${index}`;
    let mutated = false;
    try {
      mutated = await this.#mutate(hook, attributes, resource);
    } catch (err) {
      if (!(err instanceof CallFailure)) throw err;
      if (webhook.failurePolicy !== 'Ignore') throw internalError(err);
      this.#deps.log.warn('a webhook was passed over', { webhook: webhook.name, err });
      attributes.annotate(`failed-open.mutation.webhook.admission.k8s.io/${at}`, webhook.name);
    } finally {
      const note = { configuration, webhook: webhook.name, mutated };
      attributes.annotate(`mutation.webhook.admission.k8s.io/${at}`, JSON.stringify(note));
    }
    if (mutated) {
      callAgain(memory);
      reinvocation.want();
    }
    if (webhook.reinvocationPolicy === 'IfNeeded') memory.willing.add(hook.id);
  }

  /** Asks, and applies the patch of the answer. True where that changed the object. */
  async #mutate(hook: Hook, attributes: AdmissionAttributes, resource: Resource): Promise<boolean> {
    const { name } = hook.webhook;
    const { object, oldObject, versions } = attributes;
    const shown = object && (await versions.present(object, resource));
    const invocation = {
      resource,
      object: shown,
      oldObject: oldObject && (await versions.present(oldObject, resource)),
    };
    const { patch, patchType } = await callHook(hook, attributes, invocation, true, this.#deps);
    if (!patch) return false;
    const operations = decodePatch(name, patch);
    if (operations.length === 0) return false;
    if (shown === undefined) {
      const why = 'attempted to modify the object, which is not supported for this operation';
      throw internalError(new Error(`admission webhook ${JSON.stringify(name)} ${why}`));
    }
    if ((patchType ?? 'JSONPatch') !== 'JSONPatch')
      throw new CallFailure(name, `unsupported patch type ${JSON.stringify(patchType)}`);
    let next: KubeObject;
    try {
      next = await versions.accept(applyJsonPatch(shown, operations) as KubeObject, resource);
    } catch (err) {
      throw internalError(err);
    }
    const changed = !isDeepStrictEqual(plain(next), plain(object as KubeObject));
    if (changed) attributes.object = next;
    return changed;
  }
}

const newMemory = (): Memory => ({ output: undefined, willing: new Set(), again: new Set() });

function callAgain({ willing, again }: Memory): void {
  for (const id of willing) again.add(id);
  willing.clear();
}

function decodePatch(webhook: string, patch: string): ReturnType<typeof readJsonPatch> {
  try {
    return readJsonPatch(JSON.parse(Buffer.from(patch, 'base64').toString()));
  } catch (err) {
    const reason = `received undecodable patch in webhook response: ${(err as Error).message}`;
    throw new CallFailure(webhook, reason, err);
  }
}

/** As it will be written: what is undefined there is absent. */
const plain = (object: KubeObject): unknown => JSON.parse(JSON.stringify(object));
