import { describe, expect, it } from 'vitest';
import { deployments } from '#proto/api/apps/deployments.ts';
import { configmaps } from '#proto/api/core/configmaps.ts';
import { pods } from '#proto/api/core/pods.ts';
import type { StatusError } from '#proto/meta/status-error.ts';
import { aConfigMap, aPod } from '#server/apiserver/testing/test-api.ts';
import { aCluster } from './testing.ts';

const fails = (attempt: Promise<unknown>): Promise<StatusError> =>
  attempt.then(
    () => expect.fail('was let through'),
    (err) => err as StatusError,
  );

const apply = (...expressions: string[]): object => ({
  mutations: expressions.map((expression) => ({
    patchType: 'ApplyConfiguration',
    applyConfiguration: { expression },
  })),
});
const patch = (...expressions: string[]): object => ({
  mutations: expressions.map((expression) => ({ patchType: 'JSONPatch', jsonPatch: { expression } })),
});

describe('an apply configuration', () => {
  it('is merged as server-side apply merges, and defaults are set', async () => {
    const { create, mutate } = await aCluster();
    await mutate(
      'p',
      apply(`Object{
        metadata: Object.metadata{labels: {'added': 'yes'}},
        spec: Object.spec{initContainers: [Object.spec.initContainers{name: 'init', image: 'busybox'}]}
      }`),
    );
    const pod = await create(pods, aPod('x', { metadata: { labels: { own: 'yes' } } }));
    expect(pod.metadata.labels).toEqual({ own: 'yes', added: 'yes' });
    expect(pod.spec.containers).toHaveLength(1);
    expect(pod.spec.initContainers).toMatchObject([{ name: 'init', terminationMessagePolicy: 'File' }]);
  });

  it.each([
    [
      'Object{spec: Object.spec{selector: Object.spec.wrong{}}}',
      'type mismatch: unexpected type name "Object.spec.wrong", expected "Object.spec.selector", which matches field name path from root Object type',
    ],
    [
      'Object{spec: Object.spec{nonsense: 1}}',
      'error applying patch: failed to convert patch object to typed object: .spec.nonsense: field not declared in schema',
    ],
    [
      'Object{spec: Object.spec{selector: Object.spec.selector{matchLabels: {"a": "c"}}}}',
      'error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.selector',
    ],
    [
      'Object{spec: Object.spec{replicas: object.spec.missing}}',
      "expression 'Object{spec: Object.spec{replicas: object.spec.missing}}' resulted in error: no such key: missing",
    ],
  ])('that can not be: %s', async (expression, expected) => {
    const { create, mutate } = await aCluster();
    await mutate('p', apply(expression));
    const err = await fails(
      create(deployments, {
        metadata: { name: 'web' },
        spec: {
          selector: { matchLabels: { a: 'b' } },
          template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
        },
      }),
    );
    const text = `policy 'p' with binding 'p-b' denied request: ${expected}`;
    expect(err.toStatus()).toMatchObject({
      code: 403,
      reason: 'Invalid',
      message: text,
      details: { name: 'web', group: 'apps', kind: 'deployments', causes: [{ message: text }] },
    });
  });
});

describe('a JSON patch', () => {
  it('is applied, with values of all kinds and keys that need an escape', async () => {
    const { create, mutate } = await aCluster();
    await mutate(
      'p',
      patch(
        `[
          JSONPatch{op: 'test', path: '/data/a', value: 'b'},
          JSONPatch{op: 'add', path: '/metadata/annotations', value: {}},
          JSONPatch{op: 'add', path: '/metadata/annotations/' + jsonpatch.escapeKey('x.io/y'), value: string(size(object.data))},
          JSONPatch{op: 'copy', from: '/data/a', path: '/data/copy'},
          JSONPatch{op: 'remove', path: '/data/a'}
        ]`,
        "[JSONPatch{op: 'test', path: '/data/a', value: 'gone'}, JSONPatch{op: 'add', path: '/data/never', value: '1'}]",
        "[JSONPatch{op: 'add', path: '/data/last', value: object.data.copy}]",
      ),
    );
    const { metadata, data } = await create(configmaps, aConfigMap('x', { a: 'b' }));
    expect(metadata.annotations).toEqual({ 'x.io/y': '1' });
    expect(data).toEqual({ copy: 'b', last: 'b' });
  });

  it('that does not fit is a failure, or passed over', async () => {
    const broken = patch(
      "[JSONPatch{op: 'remove', path: '/data/none'}]",
      "[JSONPatch{op: 'add', path: '/data/x', value: '1'}]",
    );
    const closed = await aCluster();
    await closed.mutate('p', broken);
    const err = await fails(closed.create(configmaps, aConfigMap('x', { a: 'b' })));
    expect(err.message).toBe(
      "policy 'p' with binding 'p-b' denied request: JSON Patch: error in remove for path: '/data/none': Unable to remove nonexistent key: none: missing value",
    );
    const open = await aCluster();
    await open.mutate('p', { ...broken, failurePolicy: 'Ignore' });
    expect((await open.create(configmaps, aConfigMap('x', { a: 'b' }))).data).toEqual({ a: 'b', x: '1' });
  });
});

describe('several policies', () => {
  const note = (key: string): object =>
    patch(`[JSONPatch{op: 'add', path: '/data/${key}', value: object.data.map(k, k).sort().join('')}]`);

  it('come in the order of their names, each on what the one before left', async () => {
    const { create, mutate } = await aCluster();
    await mutate('b', note('b'));
    await mutate('a', note('a'));
    expect((await create(configmaps, aConfigMap('x', { o: '' }))).data).toEqual({ o: '', a: 'o', b: 'ao' });
  });

  it('are asked again, once, where they are willing and something changed after them', async () => {
    const { create, mutate } = await aCluster();
    await mutate('a', { ...note('a'), reinvocationPolicy: 'IfNeeded' });
    await mutate('b', note('b'));
    expect((await create(configmaps, aConfigMap('x', { o: '' }))).data).toEqual({ o: '', a: 'abo', b: 'ao' });
  });

  it('are seen by validating ones, and see variables, params and conditions', async () => {
    const { create, mutate, validate } = await aCluster();
    await create(configmaps, aConfigMap('params', { label: 'from-params' }));
    await mutate(
      'p',
      {
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        variables: [{ name: 'label', expression: 'params.data.label' }],
        matchConditions: [{ name: 'not-skipped', expression: "object.metadata.name != 'skipped'" }],
        ...apply("Object{metadata: Object.metadata{labels: {'label': variables.label}}}"),
      },
      { paramRef: { name: 'params', parameterNotFoundAction: 'Deny' } },
    );
    await validate({ validations: [{ expression: 'has(object.metadata.labels)' }] });
    expect((await create(configmaps, aConfigMap('x'))).metadata.labels).toEqual({ label: 'from-params' });
    expect((await fails(create(configmaps, aConfigMap('skipped')))).message).toContain('failed expression');
  });
});

describe('a policy as it is written', () => {
  it.each<[string, object, string]>([
    [
      'no mutations',
      { mutations: [] },
      'spec.mutations: Required value: mutations must contain at least one item',
    ],
    [
      'a patch type',
      { mutations: [{ patchType: 'Merge' }] },
      'spec.mutations[0].patchType: Unsupported value: "Merge": supported values: "ApplyConfiguration", "JSONPatch"',
    ],
    [
      'the other patch',
      { mutations: [{ patchType: 'JSONPatch' }] },
      'spec.mutations[0].jsonPatch: Required value: must be specified when patchType is JSONPatch',
    ],
    [
      'both patches',
      {
        mutations: [
          {
            patchType: 'JSONPatch',
            jsonPatch: { expression: '[JSONPatch{}]' },
            applyConfiguration: { expression: 'Object{}' },
          },
        ],
      },
      'spec.mutations[0].applyConfiguration: Invalid value: "{applyConfiguration}": must not be specified when patchType is JSONPatch',
    ],
    ['a result', apply('Object.spec{}'), 'must evaluate to Object but got Object.spec'],
    ['a list', patch("JSONPatch{op: 'add'}"), 'must evaluate to list(JSONPatch) but got JSONPatch'],
    [
      'a field',
      patch('[JSONPatch{op: 1}]'),
      "expected type of field 'op' is 'string' but provided type is 'int'",
    ],
    [
      'reinvocation',
      { ...apply('Object{}'), reinvocationPolicy: '' },
      'spec.reinvocationPolicy: Required value',
    ],
    [
      'deletes',
      {
        ...apply('Object{}'),
        matchConstraints: {
          resourceRules: [{ operations: ['DELETE'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }],
        },
      },
      'spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE"',
    ],
  ])('is refused for %s', async (_, spec, expected) => {
    const { mutate } = await aCluster();
    expect((await fails(mutate('p', spec))).message).toContain(expected);
  });
});
