import { expect, it } from 'vitest';
import type { Pod, PodAffinityTerm } from '#proto/schema/generated/core-v1.ts';
import { applyLabelKeys } from './pod-label-keys.ts';

const term = (over: Partial<PodAffinityTerm> = {}): PodAffinityTerm => ({
  topologyKey: 'zone',
  labelSelector: { matchLabels: { app: 'web' } },
  ...over,
});
const pod = (spec: Partial<Pod['spec']>): Pod => ({
  metadata: { labels: { version: '2', tenant: 'a' } },
  spec: { containers: [], ...spec },
});
const expressions = (...them: [string, string, string][]) => ({
  matchLabels: { app: 'web' },
  matchExpressions: them.map(([key, operator, value]) => ({ key, operator, values: [value] })),
});

it('writes the keys of all kinds of terms into their selectors', () => {
  const matching = term({ matchLabelKeys: ['version', 'absent'], mismatchLabelKeys: ['tenant'] });
  const object = pod({
    affinity: {
      podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [matching] },
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [term()],
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 1, podAffinityTerm: term({ matchLabelKeys: ['version'] }) },
        ],
      },
    },
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        whenUnsatisfiable: 'DoNotSchedule',
        ...term({ matchLabelKeys: ['version'] }),
      },
    ],
  });
  applyLabelKeys(object);
  const { podAffinity, podAntiAffinity } = object.spec.affinity ?? {};
  expect(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.[0]?.labelSelector).toEqual(
    expressions(['version', 'In', '2'], ['tenant', 'NotIn', 'a']),
  );
  expect(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.[0]?.labelSelector).toEqual({
    matchLabels: { app: 'web' },
  });
  const [preferred] = podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  expect(preferred?.podAffinityTerm.labelSelector).toEqual(expressions(['version', 'In', '2']));
  expect(object.spec.topologySpreadConstraints?.[0]?.labelSelector).toEqual(
    expressions(['version', 'In', '2']),
  );
});

it('leaves an absent selector absent: it selects nothing', () => {
  const nothing = term({ labelSelector: undefined, matchLabelKeys: ['version'] });
  const object = pod({
    affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [nothing] } },
  });
  applyLabelKeys(object);
  expect(nothing.labelSelector).toBeUndefined();
});
