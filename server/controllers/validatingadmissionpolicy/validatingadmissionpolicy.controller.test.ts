import { expect, it } from 'vitest';
import { validatingadmissionpolicies } from '#proto/api/admissionregistration/validatingadmissionpolicies.ts';
import { customresourcedefinitions } from '#proto/api/apiextensions/customresourcedefinitions.ts';
import { deployments } from '#proto/api/apps/deployments.ts';
import type { Resource } from '#proto/api/resource.ts';
import { loadCel } from '#server/cel/load.ts';
import { startHarness } from '#server/controllers/testing/harness.ts';
import { createValidatingAdmissionPolicyController } from './validatingadmissionpolicy.controller.ts';

const widgets = {
  ...deployments,
  group: 'example.org',
  kind: 'Widget',
  singular: 'widget',
  plural: 'widgets',
} satisfies Resource;

const rule = (group: string, resource: string) => ({
  apiGroups: [group],
  apiVersions: ['v1'],
  operations: ['*'],
  resources: [resource],
});

it('says what it finds once for each generation, custom kinds included', async () => {
  // Which the harness would not wait for.
  await loadCel();
  const harness = await startHarness([
    (context) => createValidatingAdmissionPolicyController(context, () => [deployments, widgets]),
  ]);
  const { client } = harness;
  await client.create(customresourcedefinitions, {
    metadata: { name: 'widgets.example.org' },
    spec: {
      group: 'example.org',
      scope: 'Namespaced',
      names: { kind: 'Widget', plural: 'widgets' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } },
            },
          },
        },
      ],
    },
  });
  const made = await client.create(validatingadmissionpolicies, {
    metadata: { name: 'p', generation: 1 },
    spec: {
      matchConstraints: { resourceRules: [rule('apps', 'deployments'), rule('example.org', 'widgets')] },
      validations: [{ expression: 'object.spec.size == "1"' }],
    },
  });
  const get = () => client.get(validatingadmissionpolicies, { name: 'p' });
  await harness.settle();

  const { status } = await get();
  expect(status?.observedGeneration).toBe(1);
  expect(status?.typeChecking?.expressionWarnings).toEqual([
    {
      fieldRef: 'spec.validations[0].expression',
      warning: expect.stringMatching(
        /^apps\/v1, Kind=Deployment: .*undefined field 'size'.*example\.org\/v1, Kind=Widget: .*'\(int, string\)'/s,
      ),
    },
  ]);

  await client.update(validatingadmissionpolicies, {
    ...(await get()),
    metadata: { ...(await get()).metadata, generation: 2 },
    spec: {
      ...made.spec,
      matchConstraints: { resourceRules: [rule('example.org', 'widgets')] },
      validations: [{ expression: 'object.spec.size == 1' }],
    },
  });
  await harness.settle();
  expect((await get()).status).toEqual({ observedGeneration: 2, typeChecking: {} });
  harness.stop();
});
