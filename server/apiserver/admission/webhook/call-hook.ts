import { badRequest, StatusError } from '#proto/meta/status-error.ts';
import type { AdmissionResponse } from '#proto/schema/generated/admission-v1.ts';
import type { Status } from '#proto/schema/generated/meta-v1.ts';
import type { AdmissionAttributes } from '#server/apiserver/admission/admission.ts';
import type { Hook } from '#server/apiserver/admission/webhook/hooks.ts';
import {
  type Invocation,
  responseFault,
  responseOf,
  reviewOf,
  reviewVersionOf,
} from '#server/apiserver/admission/webhook/review.plan.ts';
import type { WebhookClient } from '#server/apiserver/webhooks/webhook-client.ts';

/** The webhook could not be asked, or its answer makes no sense: `failurePolicy` says what follows. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure';

  constructor(webhook: string, reason: string, cause?: unknown) {
    super(`failed calling webhook ${JSON.stringify(webhook)}: ${reason}`, { cause });
  }
}

export interface CallDeps {
  readonly client: Pick<WebhookClient, 'call'>;
  readonly newUid: () => string;
}

/**
 * Asks one webhook about one write; answers what it allowed. Rejects with a {@link CallFailure}, or with the StatusError
 * of a refusal, which no `failurePolicy` takes back.
 */
export async function callHook(
  { webhook }: Hook,
  attributes: AdmissionAttributes,
  invocation: Invocation,
  mutating: boolean,
  { client, newUid }: CallDeps,
): Promise<Partial<AdmissionResponse>> {
  const { name, sideEffects, clientConfig, timeoutSeconds = 10 } = webhook;
  if (attributes.dryRun && sideEffects !== 'None' && sideEffects !== 'NoneOnDryRun')
    throw badRequest(`admission webhook ${JSON.stringify(name)} does not support dry run`);
  const version = reviewVersionOf(webhook.admissionReviewVersions);
  if (version === undefined) {
    const reason = 'webhook does not accept known AdmissionReview versions (v1, v1beta1)';
    throw new CallFailure(name, `could not create admission objects: ${reason}`);
  }
  const uid = newUid();
  let answer: unknown;
  try {
    const body = reviewOf(version, uid, attributes, invocation);
    answer = await client.call({ config: clientConfig, timeoutSeconds, body });
  } catch (err) {
    throw new CallFailure(name, `failed to call webhook: ${(err as Error).message}`, err);
  }
  const fault = responseFault(answer, version, uid, mutating);
  if (fault !== undefined) throw new CallFailure(name, `received invalid webhook response: ${fault}`);
  const response = responseOf(answer);
  for (const [key, value] of Object.entries(response.auditAnnotations ?? {}))
    attributes.annotate(`${name}/${key}`, value);
  for (const warning of response.warnings ?? []) attributes.warn(warning);
  if (response.allowed !== true) throw new WebhookDenial(name, response.status);
  return response;
}

/** The webhook's own Status, made one of failure. Rule: `ToStatusErr` of k8s.io/apiserver. */
class WebhookDenial extends StatusError {
  readonly #status: Status;

  constructor(webhook: string, given: Status | null | undefined) {
    const denied = `admission webhook ${JSON.stringify(webhook)} denied the request`;
    const { message, reason, code = 0 } = given ?? {};
    const why = message || reason;
    const status = {
      ...given,
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: why ? `${denied}: ${why}` : `${denied} without explanation`,
      // A refusal that says 200 is one nevertheless, and nothing beyond 599 can be sent.
      code: Number.isInteger(code) && code >= 400 && code <= 599 ? code : 400,
    };
    const { details } = status;
    super('Forbidden', status.message, { code: status.code, ...(details ? { details } : {}) });
    this.#status = status;
  }

  override toStatus(): Status {
    return this.#status;
  }
}
