import { duplicate, type FieldError, invalidValue, required } from '#proto/meta/field-error.ts';
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
  WebhookClientConfig,
} from '#proto/schema/generated/admissionregistration-v1.ts';
import type { CelEngine } from '#server/cel/engine.ts';
import { validateMatchConditions } from '#server/registry/admissionregistration/expressions.ts';
import { validateRule } from '#server/registry/admissionregistration/rule.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt, oneOfOptional, problemsAt } from '#server/registry/validation/field-checks.ts';
import { dns1035LabelProblems, dnsSubdomainProblems } from '#server/registry/validation/names.ts';
import { validateLabelSelector } from '#server/registry/validation/selectors.ts';
import { validateWebhookService, validateWebhookUrl } from '#server/registry/validation/webhook-client.ts';

type Webhook = ValidatingWebhook | MutatingWebhook;

export const validatingWebhookConfiguration: Strategy<ValidatingWebhookConfiguration> = {
  generation: true,
  applyDefaults: ({ webhooks }) => {
    for (const webhook of webhooks ?? []) applyWebhookDefaults(webhook);
  },
  needsCel: hasConditions,
  validate: ({ webhooks }, { cel }) => validateWebhooks(webhooks, cel),
};

export const mutatingWebhookConfiguration: Strategy<MutatingWebhookConfiguration> = {
  generation: true,
  applyDefaults: ({ webhooks }) => {
    for (const webhook of webhooks ?? []) {
      applyWebhookDefaults(webhook);
      webhook.reinvocationPolicy ??= 'Never';
    }
  },
  needsCel: hasConditions,
  validate: ({ webhooks }, { cel }) => validateWebhooks(webhooks, cel),
};

function applyWebhookDefaults(webhook: Webhook): void {
  webhook.failurePolicy ??= 'Fail';
  webhook.matchPolicy ??= 'Equivalent';
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= 10;
  if (webhook.clientConfig?.service) webhook.clientConfig.service.port ??= 443;
  for (const rule of webhook.rules ?? []) rule.scope ??= '*';
}

function hasConditions({ webhooks }: { readonly webhooks?: readonly Webhook[] | undefined }): boolean {
  return webhooks?.some(({ matchConditions }) => matchConditions?.length) ?? false;
}

function validateWebhooks(
  webhooks: readonly Webhook[] | undefined,
  cel: CelEngine | undefined,
): FieldError[] {
  const names = new Set<string>();
  return eachAt(webhooks, 'webhooks', (webhook, at) => {
    const errors = [...validateName(webhook.name, `${at}.name`), ...validateWebhook(webhook, at, cel)];
    if (names.has(webhook.name)) errors.push(duplicate(`${at}.name`, webhook.name));
    if (webhook.name) names.add(webhook.name);
    return errors;
  });
}

/** Rule: `IsFullyQualifiedName` of apimachinery. */
function validateName(name: string, path: string): FieldError[] {
  if (!name) return [required(path)];
  const problems = dnsSubdomainProblems(name);
  if (problems.length > 0) return [invalidValue(path, name, problems.join(','))];
  if (name.split('.').length >= 3) return [];
  return [invalidValue(path, name, 'should be a domain with at least three segments separated by dots')];
}

function validateWebhook(webhook: Webhook, path: string, cel: CelEngine | undefined): FieldError[] {
  const { timeoutSeconds = 10, sideEffects, clientConfig } = webhook;
  const { reinvocationPolicy } = webhook as Partial<MutatingWebhook>;
  const timeout = `${path}.timeoutSeconds`;
  return [
    ...eachAt(webhook.rules, `${path}.rules`, validateRule),
    ...oneOfOptional(`${path}.failurePolicy`, webhook.failurePolicy, ['Fail', 'Ignore']),
    ...oneOfOptional(`${path}.matchPolicy`, webhook.matchPolicy, ['Equivalent', 'Exact']),
    ...(sideEffects === undefined
      ? [required(`${path}.sideEffects`, 'must specify one of None, NoneOnDryRun')]
      : oneOfOptional(`${path}.sideEffects`, sideEffects, ['None', 'NoneOnDryRun'])),
    ...(timeoutSeconds >= 1 && timeoutSeconds <= 30
      ? []
      : [invalidValue(timeout, timeoutSeconds, 'the timeout value must be between 1 and 30 seconds')]),
    ...validateLabelSelector(webhook.namespaceSelector, `${path}.namespaceSelector`),
    ...validateLabelSelector(webhook.objectSelector, `${path}.objectSelector`),
    ...oneOfOptional(`${path}.reinvocationPolicy`, reinvocationPolicy, ['IfNeeded', 'Never']),
    ...validateClient(clientConfig ?? {}, `${path}.clientConfig`),
    ...validateMatchConditions(webhook.matchConditions, `${path}.matchConditions`, { cel, hasParams: false }),
    ...validateReviewVersions(webhook.admissionReviewVersions ?? [], `${path}.admissionReviewVersions`),
  ];
}

function validateClient({ url, service }: WebhookClientConfig, path: string): FieldError[] {
  if ((url === undefined) === (service === undefined))
    return [required(path, 'exactly one of url or service is required')];
  return service
    ? validateWebhookService(service, `${path}.service`)
    : validateWebhookUrl(url ?? '', `${path}.url`);
}

function validateReviewVersions(versions: readonly string[], path: string): FieldError[] {
  if (versions.length === 0) return [required(path, 'must specify one of v1, v1beta1')];
  const errors = versions.flatMap((version, i) =>
    versions.indexOf(version) < i
      ? [invalidValue(`${path}[${i}]`, version, 'duplicate version')]
      : problemsAt(`${path}[${i}]`, version, dns1035LabelProblems(version)),
  );
  if (versions.includes('v1') || versions.includes('v1beta1')) return errors;
  return [...errors, invalidValue(path, versions, 'must include at least one of v1, v1beta1')];
}
