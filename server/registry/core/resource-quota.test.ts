import { describe, expect, it } from 'vitest';
import type { ResourceQuota, ResourceQuotaSpec } from '#proto/schema/generated/core-v1.ts';
import { resourceQuota } from '#server/registry/core/resource-quota.ts';
import { createProblems, updateProblems } from '#server/registry/registry.case.ts';

const aQuota = (spec: ResourceQuotaSpec): ResourceQuota => ({
  metadata: { name: 'q', namespace: 'x' },
  spec,
});
const term = (scopeName: string, operator: string, values?: string[]) => ({
  scopeName,
  operator,
  ...(values ? { values } : {}),
});

// The sentences are those of kube-apiserver 1.36.3.
describe('a quota is refused', () => {
  it.each<[string, ResourceQuotaSpec, string[]]>([
    [
      'of names that nobody counts',
      { hard: { foo: '1', pods: '-1' } },
      [
        'spec.hard[foo]: Invalid value: "foo": must be a standard resource type or fully qualified',
        'spec.hard[foo]: Invalid value: "foo": must be a standard resource for quota',
        'spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0',
      ],
    ],
    [
      'of half a Pod',
      { hard: { pods: '1500m' } },
      ['spec.hard[pods]: Invalid value: "1500m": must be an integer'],
    ],
    [
      'with scopes that are none or exclude each other',
      { scopes: ['Terminating', 'NotTerminating', 'Foo'] },
      [
        'spec.scopes: Invalid value: ["Terminating","NotTerminating","Foo"]: unsupported scope',
        'spec.scopes: Invalid value: ["Terminating","NotTerminating","Foo"]: conflicting scopes',
      ],
    ],
    [
      'with a scope that can not limit this',
      { hard: { cpu: '1' }, scopes: ['BestEffort'] },
      ['spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource'],
    ],
    [
      'with a selector that selects nothing',
      { scopeSelector: { matchExpressions: [term('PriorityClass', 'In'), term('BestEffort', 'In', ['a'])] } },
      [
        "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
        'spec.scopeSelector.matchExpressions.operator: Invalid value: "In": must be \'Exists\' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity',
      ],
    ],
    [
      'with a selector of a resource that it can not limit',
      {
        hard: { configmaps: '1' },
        scopeSelector: { matchExpressions: [term('PriorityClass', 'Exists', ['a'])] },
      },
      [
        'spec.scopeSelector.matchExpressions: Invalid value: {"MatchExpressions":[{"ScopeName":"PriorityClass","Operator":"Exists","Values":["a"]}]}: unsupported scope applied to resource',
        "spec.scopeSelector.matchExpressions.values: Invalid value: [\"a\"]: must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
      ],
    ],
  ])('%s', (_, spec, problems) => expect(createProblems(resourceQuota, aQuota(spec))).toEqual(problems));
});

it('counts what is named with a group, and by the names that are known', () => {
  const hard = {
    'count/widgets.example.com': '1',
    'requests.example.com/gpu': '2',
    'gold.storageclass.storage.k8s.io/requests.storage': '1Gi',
    'requests.hugepages-2Mi': '4Mi',
    'services.nodeports': '1',
    'limits.ephemeral-storage': '1Gi',
  };
  expect(createProblems(resourceQuota, aQuota({ hard }))).toEqual([]);
});

it('keeps its scopes', () => {
  const problems = updateProblems(
    resourceQuota,
    aQuota({ hard: { pods: '1' }, scopes: ['BestEffort'] }),
    (quota) => {
      quota.spec = { ...quota.spec, scopes: [] };
    },
  );
  expect(problems).toEqual(['spec.scopes: Invalid value: []: field is immutable']);
});
