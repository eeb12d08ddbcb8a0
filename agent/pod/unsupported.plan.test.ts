import { describe, expect, it } from 'vitest';
import type { PodSpec } from '#proto/schema/generated/core-v1.ts';
import { aContainer, aPod } from './fixtures.ts';
import { unsupportedFields } from './unsupported.plan.ts';

describe('unsupportedFields', () => {
  it.each<[string, Partial<PodSpec>, readonly string[]]>([
    ['an ordinary pod', {}, []],
    [
      'SELinux labels, which mean nothing without SELinux',
      {
        securityContext: { seLinuxOptions: { level: 's0' } },
        containers: [aContainer({ securityContext: { seLinuxOptions: { type: 't' } } })],
      },
      [],
    ],
    [
      'user namespaces',
      { hostUsers: false },
      ['spec.hostUsers: false needs user namespaces, which this node does not have'],
    ],
    [
      'claims of devices, by the container that asks',
      {
        resourceClaims: [{ name: 'gpu' }],
        initContainers: [aContainer({ name: 'i' })],
        containers: [aContainer({ resources: { claims: [{ name: 'gpu' }] } })],
      },
      [
        'spec.resourceClaims is not supported on this node',
        'spec.containers[0].resources.claims is not supported on this node',
      ],
    ],
  ])('of %s', (_what, spec, expected) => {
    expect(unsupportedFields(aPod(spec))).toEqual(expected);
  });
});
