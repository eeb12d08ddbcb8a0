import { describe, expect, it } from 'vitest';
import type { APIService, APIServiceSpec } from '#proto/schema/generated/apiregistration-v1.ts';
import { registrationOf } from '#server/controllers/apiservice/registration.plan.ts';
import { created, createProblems } from '#server/registry/registry.case.ts';
import { apiService } from './api-service.ts';

const anApiService = (over: Partial<APIServiceSpec> = {}, name = 'v1.example.com'): APIService => ({
  metadata: { name },
  spec: {
    group: 'example.com',
    version: 'v1',
    groupPriorityMinimum: 1000,
    versionPriority: 100,
    ...over,
  },
});
const service = { namespace: 'ns', name: 'api', port: 443 };

describe('APIServices', () => {
  it('are available at once where they are served here', () => {
    expect(created(apiService, anApiService()).status?.conditions).toMatchObject([
      { type: 'Available', status: 'True', reason: 'Local' },
    ]);
    expect(created(apiService, anApiService({ service })).status).toEqual({});
  });

  it('may be all that the server makes by itself', () => {
    for (const [group, version] of [
      ['', 'v1'],
      ['apps', 'v1'],
      ['example.com', 'v1beta1'],
    ] as const)
      expect(createProblems(apiService, registrationOf(group, version) as APIService)).toEqual([]);
  });

  it.each<[string, APIService, string[]]>([
    [
      'another name',
      anApiService({}, 'v2.example.com'),
      [
        'metadata.name: Invalid value: "v2.example.com": must be `spec.version+"."+spec.group`: "v1.example.com"',
      ],
    ],
    [
      'no group',
      anApiService({ group: '', version: 'v2' }, 'v2.'),
      ['spec.group: Required value: only v1 may have an empty group and it better be legacy kube'],
    ],
    [
      'priorities',
      anApiService({ groupPriorityMinimum: 20_001, versionPriority: 0 }),
      [
        'spec.groupPriorityMinimum: Invalid value: 20001: must be positive and less than 20000',
        'spec.versionPriority: Invalid value: 0: must be positive and less than 1000',
      ],
    ],
    [
      'trust without a Service',
      anApiService({ caBundle: 'YWJj', insecureSkipTLSVerify: true }),
      [
        'spec.caBundle: Invalid value: "3 bytes": local APIServices may not have a caBundle',
        'spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify',
      ],
    ],
    [
      'a Service without a name',
      anApiService({ service: { port: 0 }, caBundle: 'YWJj', insecureSkipTLSVerify: true }),
      [
        'spec.service.namespace: Required value',
        'spec.service.name: Required value',
        'spec.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive',
        'spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present',
      ],
    ],
  ])('tell of %s', (_what, object, expected) => expect(createProblems(apiService, object)).toEqual(expected));
});
