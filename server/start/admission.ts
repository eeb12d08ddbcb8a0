import { randomUUID } from 'node:crypto';
import type { GroupVersionKind } from '#proto/schema/schema.ts';
import type { AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { createAdmission } from '#server/apiserver/admission/index.ts';
import { MutatingAdmissionPolicy } from '#server/apiserver/admission/policy/mutating.ts';
import { ParamAccess } from '#server/apiserver/admission/policy/param-access.ts';
import { ValidatingAdmissionPolicy } from '#server/apiserver/admission/policy/validating.ts';
import { RoleEscalation } from '#server/apiserver/admission/role-escalation.ts';
import { createMatchConditions } from '#server/apiserver/admission/webhook/conditions.ts';
import { MutatingAdmissionWebhook } from '#server/apiserver/admission/webhook/mutating.ts';
import { ValidatingAdmissionWebhook } from '#server/apiserver/admission/webhook/validating.ts';
import type { Api } from '#server/apiserver/rest/api.ts';
import type { WebhookClient } from '#server/apiserver/webhooks/webhook-client.ts';
import type { ApiClient } from '#server/client/client.ts';
import type { Access } from './access.ts';
import type { Foundation } from './foundation.ts';

interface AdmissionSources extends Pick<Foundation, 'clock' | 'log'> {
  readonly access: Access;
  readonly webhooks: WebhookClient;
  /** Both are there when the first write is: the API itself is made with what this gives. */
  readonly api: () => Api;
  readonly client: () => ApiClient;
}

/** What every write passes: the built-in plugins, and what people configure between them. */
export function createAllAdmission(sources: AdmissionSources): readonly AdmissionPlugin[] {
  const { access, webhooks, api, client, clock, log } = sources;
  const { reader, authorizer, rbac } = access;
  const hooks = {
    reader,
    client: webhooks,
    newUid: randomUUID,
    matchesConditions: createMatchConditions(authorizer),
    log,
  };
  const policies = {
    reader,
    authorizer,
    params: { kinds: () => api().resources.all, client },
    shapeOf: (kind: GroupVersionKind) => api().codec.shapeOf(kind),
  };
  return [
    ...createAdmission({
      reader,
      authorizer,
      clock,
      configured: [
        new MutatingAdmissionPolicy(policies),
        new MutatingAdmissionWebhook(hooks),
        new ValidatingAdmissionPolicy(policies),
        new ValidatingAdmissionWebhook(hooks),
      ],
    }),
    new RoleEscalation(authorizer, rbac),
    new ParamAccess(authorizer, reader, policies.params.kinds),
  ];
}
