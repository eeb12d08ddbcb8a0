import type { KubeObject } from '#proto/meta/object.ts';
import { isObject } from '#proto/meta/own-property.ts';
import { StatusError } from '#proto/meta/status-error.ts';
import type { WebhookConversion } from '#proto/schema/generated/apiextensions-v1.ts';
import { acceptConverted } from '#server/apiserver/customresources/converted.plan.ts';
import type { WebhookRequest } from '#server/apiserver/webhooks/webhook-client.ts';

/** What calls webhooks; see `WebhookClient`. */
export interface WebhookCaller {
  call(request: WebhookRequest): Promise<unknown>;
}

export interface ConversionDeps {
  readonly webhooks: WebhookCaller;
  readonly newUid: () => string;
}

const TIMEOUT_SECONDS = 30;
const REVIEW_GROUP = 'apiextensions.k8s.io';

/**
 * Has objects of one kind converted by the webhook of its definition, all in one call. Rejects with a StatusError that
 * says what upstream says. Rule: apiextensions-apiserver `conversion/webhook_converter.go`.
 */
export async function convertByWebhook(
  { webhooks, newUid }: ConversionDeps,
  { clientConfig = {}, conversionReviewVersions }: WebhookConversion,
  objects: readonly KubeObject[],
  apiVersion: string,
): Promise<KubeObject[]> {
  const [first] = objects;
  const fail = (what: string, cause?: unknown): StatusError =>
    new StatusError(
      'InternalError',
      `conversion webhook for ${first?.apiVersion}, Kind=${first?.kind} ${what}`,
      { cause },
    );
  const version = conversionReviewVersions.find((one) => one === 'v1' || one === 'v1beta1');
  if (!version) throw new StatusError('InternalError', 'no supported conversion review versions');
  const uid = newUid();
  const review = {
    kind: 'ConversionReview',
    apiVersion: `${REVIEW_GROUP}/${version}`,
    request: { uid, desiredAPIVersion: apiVersion, objects },
  };
  let answer: unknown;
  try {
    answer = await webhooks.call({ config: clientConfig, timeoutSeconds: TIMEOUT_SECONDS, body: review });
  } catch (err) {
    throw fail(`failed: ${err instanceof Error ? err.message : String(err)}`, err);
  }
  const converted = convertedOf(answer, version, uid);
  if ('problem' in converted) throw fail(`failed: ${converted.problem}`);
  const { list } = converted;
  if (list.length !== objects.length)
    throw fail(`returned ${list.length} objects, expected ${objects.length}`);
  return objects.map((original, i) => {
    const accepted = acceptConverted(original, list[i], apiVersion);
    if ('object' in accepted) return accepted.object;
    throw fail(`returned invalid converted object at index ${i}: ${accepted.problem}`);
  });
}

function convertedOf(
  answer: unknown,
  version: string,
  uid: string,
): { readonly list: readonly unknown[] } | { readonly problem: string } {
  const review = isObject(answer) ? answer : {};
  const { apiVersion, kind, response } = review;
  const strict = version === 'v1';
  if (strict && (apiVersion !== `${REVIEW_GROUP}/v1` || kind !== 'ConversionReview'))
    return {
      problem: `expected webhook response of ${REVIEW_GROUP}/v1, Kind=ConversionReview, got ${String(apiVersion ?? '')}, Kind=${String(kind ?? '')}`,
    };
  if (!isObject(response)) return { problem: 'no response provided' };
  if (strict && response['uid'] !== uid)
    return {
      problem: `expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response['uid'] ?? '')}`,
    };
  const result = isObject(response['result']) ? response['result'] : {};
  if (result['status'] !== 'Success')
    return {
      problem:
        String(result['message'] ?? '') ||
        `response.result.status was '${String(result['status'] ?? '')}', not 'Success'`,
    };
  const list = response['convertedObjects'];
  return { list: Array.isArray(list) ? list : [] };
}
