import { describe, expect, it } from 'vitest';
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
} from '#proto/schema/generated/admissionregistration-v1.ts';
import { createProblems } from '#server/registry/registry.case.ts';
import { mutatingWebhookConfiguration } from './webhook.ts';

const aHook = (over: Partial<MutatingWebhook> = {}): MutatingWebhook => ({
  name: 'a.example.com',
  clientConfig: { service: { namespace: 'ns', name: 'hook' } },
  rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  ...over,
});

const problems = (...webhooks: MutatingWebhook[]): string[] =>
  createProblems<MutatingWebhookConfiguration>(mutatingWebhookConfiguration, {
    metadata: { name: 'c' },
    webhooks,
  });

const rule = (over: object): Partial<MutatingWebhook> => ({ rules: [{ ...aHook().rules?.[0], ...over }] });
const url = (text: string): Partial<MutatingWebhook> => ({ clientConfig: { url: text } });
const service = (over: object): Partial<MutatingWebhook> => ({
  clientConfig: { service: { namespace: 'ns', name: 'hook', ...over } },
});
const HTTPS = "'https' is the only allowed URL scheme; desired format: https://host[/path]";

describe('webhook configurations', () => {
  it('may be right', () => {
    expect(
      problems(
        aHook(),
        aHook({ name: 'b.example.com', ...url('https://hook.example.com:8443/a') }),
        aHook({ name: 'c.example.com', ...service({ path: '/a/b/', port: 8443 }) }),
        aHook({ name: 'd.example.com', ...rule({ resources: ['*/status', 'pods/*', '*'] }) }),
      ),
    ).toEqual([]);
  });

  it.each<[string, Partial<MutatingWebhook>, string[]]>([
    [
      'a short name',
      { name: 'a.b' },
      ['name: Invalid value: "a.b": should be a domain with at least three segments separated by dots'],
    ],
    ['no name', { name: '' }, ['name: Required value']],
    [
      'review versions',
      { admissionReviewVersions: ['v2', 'v2'] },
      [
        'admissionReviewVersions[1]: Invalid value: "v2": duplicate version',
        'admissionReviewVersions: Invalid value: ["v2","v2"]: must include at least one of v1, v1beta1',
      ],
    ],
    [
      'no review versions',
      { admissionReviewVersions: [] },
      ['admissionReviewVersions: Required value: must specify one of v1, v1beta1'],
    ],
    [
      'side effects',
      { sideEffects: 'Some' },
      ['sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"'],
    ],
    [
      'unknown side effects',
      { sideEffects: undefined },
      ['sideEffects: Required value: must specify one of None, NoneOnDryRun'],
    ],
    [
      'a long timeout',
      { timeoutSeconds: 31 },
      ['timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds'],
    ],
    [
      'a reinvocation policy',
      { reinvocationPolicy: 'Always' },
      ['reinvocationPolicy: Unsupported value: "Always": supported values: "IfNeeded", "Never"'],
    ],
    [
      'no operations',
      rule({ operations: [], apiVersions: [''] }),
      ['rules[0].operations: Required value', 'rules[0].apiVersions[0]: Required value'],
    ],
    [
      'all and more',
      rule({ operations: ['*', 'CREATE'], apiGroups: ['*', 'apps'] }),
      [
        `rules[0].operations: Invalid value: ["*","CREATE"]: if '*' is present, must not specify other operations`,
        `rules[0].apiGroups: Invalid value: ["*","apps"]: if '*' is present, must not specify other API groups`,
      ],
    ],
    [
      'resources twice',
      rule({ resources: ['pods/*', 'pods/status', '', '*', 'nodes'] }),
      [
        `rules[0].resources[1]: Invalid value: "pods/status": if 'pods/*' is present, must not specify pods/status`,
        'rules[0].resources[2]: Required value',
        `rules[0].resources: Invalid value: ["pods/*","pods/status","","*","nodes"]: if '*' is present, must not specify other resources without subresources`,
      ],
    ],
    ['http', url('http://hook'), [`clientConfig.url: Invalid value: "http": ${HTTPS}`]],
    [
      'much in the URL',
      url('https://me@hook/a?b=c#d'),
      [
        'clientConfig.url: Invalid value: "me": user information is not permitted in the URL',
        'clientConfig.url: Invalid value: "d": fragments are not permitted in the URL',
        'clientConfig.url: Invalid value: "b=c": query parameters are not permitted in the URL',
      ],
    ],
    [
      'no host',
      url('https:///a'),
      ['clientConfig.url: Invalid value: "": host must be specified; desired format: https://host[/path]'],
    ],
    [
      'url and service',
      { clientConfig: { url: 'https://x', service: { name: 'x', namespace: 'y' } } },
      ['clientConfig: Required value: exactly one of url or service is required'],
    ],
    [
      'a path',
      service({ path: 'a//b', port: 70000 }),
      [
        'clientConfig.service.port: Invalid value: 70000: port is not valid: must be between 1 and 65535, inclusive',
        `clientConfig.service.path: Invalid value: "a//b": must start with a '/'`,
        'clientConfig.service.path: Invalid value: "a//b": segment[0] may not be empty',
        'clientConfig.service.path: Invalid value: "a//b": segment[1] may not be empty',
      ],
    ],
  ])('tell of %s', (_what, over, expected) => {
    expect(problems(aHook(over))).toEqual(expected.map((problem) => `webhooks[0].${problem}`));
  });

  it('have each name once', () => {
    expect(problems(aHook(), aHook())).toEqual(['webhooks[1].name: Duplicate value: "a.example.com"']);
  });
});
