import { groupResourceOf } from '#proto/api/resource.ts';
import { forbidden } from '#proto/meta/status-error.ts';
import type { Expression } from '#server/apiserver/admission/expressions/activation.ts';
import { Answers } from '#server/apiserver/admission/expressions/answers.ts';
import {
  compileConditions,
  matchesConditions,
} from '#server/apiserver/admission/expressions/match-conditions.ts';
import type { WebhookAdmissionDeps } from '#server/apiserver/admission/webhook/validating.ts';
import type { Authorizer } from '#server/apiserver/authz/authorizer.ts';
import { loadCel } from '#server/cel/load.ts';
import { Composition } from '#server/registry/admissionregistration/composition.ts';

/** Asks the CEL conditions of webhooks. Each webhook's are compiled when they are first asked, and kept while it lives. */
export function createMatchConditions(authorizer: Authorizer): WebhookAdmissionDeps['matchesConditions'] {
  const compiled = new WeakMap<object, readonly Expression[]>();
  return async ({ webhook }, attributes, resource) => {
    const { matchConditions, failurePolicy } = webhook;
    if (!matchConditions?.length) return true;
    const cel = await loadCel();
    let conditions = compiled.get(webhook);
    if (!conditions) {
      conditions = compileConditions(
        matchConditions,
        new Composition(cel, { hasParams: false, hasVariables: false }),
      );
      compiled.set(webhook, conditions);
    }
    const { object, oldObject, versions, user } = attributes;
    const input = {
      attributes,
      resource,
      object: object && (await versions.present(object, resource)),
      oldObject: oldObject && (await versions.present(oldObject, resource)),
    };
    const matched = await matchesConditions(cel, conditions, input, new Answers(authorizer, user));
    if (typeof matched === 'boolean') return matched;
    if (failurePolicy === 'Ignore') return false;
    throw forbidden(groupResourceOf(attributes.resource), attributes.name, matched.error);
  };
}
