import { groupResourceOf } from '#proto/api/resource.ts';
import { forbidden } from '#proto/meta/status-error.ts';
import type { AdmissionAttributes } from '#server/apiserver/admission/admission.ts';
import type { Hook } from '#server/apiserver/admission/webhook/hooks.ts';

/** Without an engine for CEL a condition is one that can not be evaluated: `failurePolicy` says what follows. */
export async function matchesConditions(
  { webhook }: Hook,
  attributes: AdmissionAttributes,
): Promise<boolean> {
  if (!webhook.matchConditions?.length) return true;
  if (webhook.failurePolicy === 'Ignore') return false;
  throw forbidden(groupResourceOf(attributes.resource), attributes.name, 'no engine for match conditions');
}
