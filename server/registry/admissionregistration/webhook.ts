import { duplicate, type FieldError, invalidValue, required } from '#proto/meta/field-error.ts';
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  RuleWithOperations,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
  WebhookClientConfig,
} from '#proto/schema/generated/admissionregistration-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt, named, oneOf } from '#server/registry/validation/field-checks.ts';
import { between, dnsSubdomainProblems } from '#server/registry/validation/names.ts';
import { validateLabelSelector } from '#server/registry/validation/selectors.ts';

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
type Webhook = ValidatingWebhook | MutatingWebhook;

export const validatingWebhookConfiguration: Strategy<ValidatingWebhookConfiguration> = {
  generation: true,
  applyDefaults: ({ webhooks }) => {
    for (const webhook of webhooks ?? []) applyWebhookDefaults(webhook);
  },
  validate: ({ webhooks }) => validateWebhooks(webhooks),
};

export const mutatingWebhookConfiguration: Strategy<MutatingWebhookConfiguration> = {
  generation: true,
  applyDefaults: ({ webhooks }) => {
    for (const webhook of webhooks ?? []) {
      applyWebhookDefaults(webhook);
      webhook.reinvocationPolicy ??= 'Never';
    }
  },
  validate: ({ webhooks }) => [
    ...validateWebhooks(webhooks),
    ...eachAt(webhooks, 'webhooks', ({ reinvocationPolicy }, at) =>
      oneOf(`${at}.reinvocationPolicy`, reinvocationPolicy, ['IfNeeded', 'Never']),
    ),
  ],
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

function validateWebhooks(webhooks: readonly Webhook[] | undefined): FieldError[] {
  const names = new Set<string>();
  return eachAt(webhooks, 'webhooks', (webhook, at) => {
    const errors = named(`${at}.name`, webhook.name, dnsSubdomainProblems);
    if (webhook.name && webhook.name.split('.').length < 3) {
      const detail = 'should be a domain with at least three segments separated by dots';
      errors.push(invalidValue(`${at}.name`, webhook.name, detail));
    }
    if (names.has(webhook.name)) errors.push(duplicate(`${at}.name`, webhook.name));
    names.add(webhook.name);
    return [...errors, ...validateWebhook(webhook, at)];
  });
}

function validateWebhook(webhook: Webhook, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!webhook.admissionReviewVersions?.length) {
    const detail = 'must specify one of v1, v1beta1';
    errors.push(required(`${path}.admissionReviewVersions`, detail));
  } else if (!webhook.admissionReviewVersions.some((v) => v === 'v1' || v === 'v1beta1')) {
    const detail = 'must include at least one of v1, v1beta1';
    errors.push(invalidValue(`${path}.admissionReviewVersions`, webhook.admissionReviewVersions, detail));
  }
  const seconds = webhook.timeoutSeconds ?? 10;
  if (seconds < 1 || seconds > 30) {
    errors.push(
      invalidValue(
        `${path}.timeoutSeconds`,
        seconds,
        `the timeout value ${between(1, 30).replace(', inclusive', '')} seconds`,
      ),
    );
  }
  return [
    ...errors,
    ...eachAt(webhook.rules, `${path}.rules`, validateRule),
    ...oneOf(`${path}.failurePolicy`, webhook.failurePolicy, ['Fail', 'Ignore']),
    ...oneOf(`${path}.matchPolicy`, webhook.matchPolicy, ['Equivalent', 'Exact']),
    ...oneOf(`${path}.sideEffects`, webhook.sideEffects, ['None', 'NoneOnDryRun']),
    ...validateLabelSelector(webhook.namespaceSelector, `${path}.namespaceSelector`),
    ...validateLabelSelector(webhook.objectSelector, `${path}.objectSelector`),
    ...validateClient(webhook.clientConfig ?? {}, `${path}.clientConfig`),
  ];
}

/** What a rule matches: operations on resources. */
export function validateRule(rule: RuleWithOperations, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!rule.operations?.length) errors.push(required(`${path}.operations`));
  errors.push(
    ...eachAt(rule.operations, `${path}.operations`, (operation, at) => oneOf(at, operation, OPERATIONS)),
  );
  for (const field of ['apiGroups', 'apiVersions', 'resources'] as const) {
    const values = rule[field] ?? [];
    if (values.length === 0) errors.push(required(`${path}.${field}`));
    if (values.length > 1 && values.includes('*')) {
      const detail = "if '*' is present, must not specify other values";
      if (field !== 'resources') errors.push(invalidValue(`${path}.${field}`, values, detail));
    }
  }
  return [...errors, ...oneOf(`${path}.scope`, rule.scope, ['*', 'Cluster', 'Namespaced'])];
}

function validateClient({ url, service }: WebhookClientConfig, path: string): FieldError[] {
  if ((url === undefined) === (service === undefined)) {
    return [required(path, 'exactly one of url or service is required')];
  }
  if (service) {
    return [
      ...(service.name ? [] : [required(`${path}.service.name`, 'service name is required')]),
      ...(service.namespace ? [] : [required(`${path}.service.namespace`, 'service namespace is required')]),
    ];
  }
  if (!URL.canParse(url ?? '')) return [required(`${path}.url`, 'url must be a valid URL')];
  const { protocol } = new URL(url ?? '');
  if (protocol === 'https:') return [];
  const detail = `'https' is the only allowed URL scheme; desired format: https://host[/path]`;
  return [invalidValue(`${path}.url`, protocol.replace(':', ''), detail)];
}
