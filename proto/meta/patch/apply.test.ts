import { describe, expect, it } from 'vitest';
import { checkObject } from '#proto/meta/decode/decode-object.ts';
import type { FieldValidation } from '#proto/meta/decode/strict.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { applyPatch } from '#proto/meta/patch/apply.ts';
import { StatusError } from '#proto/meta/status-error.ts';

const STRATEGIC = 'application/strategic-merge-patch+json';
const MERGE = 'application/merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';
const deployment = { group: 'apps', version: 'v1', kind: 'Deployment' };

const container = (name: string, more: object = {}): object => ({ name, image: `${name}:1`, ...more });
const withSpec = (spec: object, meta: object = {}): KubeObject =>
  ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd1', ...meta }, spec }) as KubeObject;
const withPod = (pod: object): KubeObject => withSpec({ template: { spec: pod } });

const patched = (
  type: string,
  original: KubeObject,
  patch: unknown,
  fieldValidation: FieldValidation = 'Strict',
): KubeObject => {
  const before = structuredClone(original);
  const body = new TextEncoder().encode(typeof patch === 'string' ? patch : JSON.stringify(patch));
  const { object } = applyPatch(original, body, type, { resource: deployment, fieldValidation });
  expect(original).toEqual(before);
  return object;
};

/** With what the types always write: empty structs. */
const whole = (object: KubeObject): KubeObject =>
  checkObject(object, { resource: deployment, fieldValidation: 'Strict' }).object;

const podPatch = (pod: object): object => ({ spec: { template: { spec: pod } } });

function refusal(run: () => unknown): StatusError {
  try {
    run();
  } catch (err) {
    if (err instanceof StatusError) return err;
    throw err;
  }
  throw new Error('was accepted');
}

describe('strategic merge patch', () => {
  it.each<[string, KubeObject, unknown, KubeObject]>([
    [
      'kubectl patch',
      withSpec({ replicas: 1, template: {} }),
      { spec: { replicas: 2 } },
      withSpec({ replicas: 2, template: {} }),
    ],
    [
      'kubectl set image',
      withPod({ containers: [container('a'), container('c', { tty: true })] }),
      podPatch({ '$setElementOrder/containers': [{ name: 'c' }], containers: [{ image: 'new', name: 'c' }] }),
      withPod({ containers: [container('a'), { name: 'c', image: 'new', tty: true }] }),
    ],
    [
      'kubectl apply, reordering and adding',
      withPod({ containers: [container('a'), container('b')] }),
      podPatch({
        '$setElementOrder/containers': [{ name: 'b' }, { name: 'n' }, { name: 'a' }],
        containers: [{ name: 'n', image: 'n:1' }],
      }),
      withPod({ containers: [container('b'), container('n'), container('a')] }),
    ],
    [
      'kubectl apply, deleting an item',
      withPod({ containers: [container('a'), container('b')] }),
      podPatch({
        '$setElementOrder/containers': [{ name: 'b' }],
        containers: [{ $patch: 'delete', name: 'a' }],
      }),
      withPod({ containers: [container('b')] }),
    ],
    [
      'kubectl rollout restart',
      withSpec({ template: {} }),
      { spec: { template: { metadata: { annotations: { at: 'now' } } } } },
      withSpec({ template: { metadata: { annotations: { at: 'now' } } } }),
    ],
    [
      'an annotation removed',
      withSpec({ template: {} }, { annotations: { a: '1', b: '2' } }),
      { metadata: { annotations: { a: null, c: null } } },
      withSpec({ template: {} }, { annotations: { b: '2' } }),
    ],
    [
      '$retainKeys of a strategy',
      withSpec({ template: {}, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } }),
      { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
      withSpec({ template: {}, strategy: { type: 'Recreate' } }),
    ],
    [
      '$retainKeys of a volume',
      withPod({ containers: [], volumes: [{ name: 'v', emptyDir: {} }] }),
      podPatch({ volumes: [{ $retainKeys: ['name', 'configMap'], name: 'v', configMap: { name: 'm' } }] }),
      withPod({ containers: [], volumes: [{ name: 'v', configMap: { name: 'm' } }] }),
    ],
    [
      '$patch: replace of a list',
      withPod({ containers: [container('a'), container('b')] }),
      podPatch({ containers: [{ name: 'c', image: 'c:1' }, { $patch: 'replace' }] }),
      withPod({ containers: [container('c')] }),
    ],
    [
      '$patch: replace of an object',
      withPod({ containers: [], securityContext: { runAsUser: 1, fsGroup: 2 } }),
      podPatch({ securityContext: { $patch: 'replace', runAsUser: 3 } }),
      withPod({ containers: [], securityContext: { runAsUser: 3 } }),
    ],
    [
      'a list without a merge key is replaced',
      withPod({ containers: [container('a', { args: ['x', 'y'] })], tolerations: [{ key: 'a' }] }),
      podPatch({ containers: [{ name: 'a', args: ['z'] }], tolerations: [{ key: 'b' }] }),
      withPod({ containers: [container('a', { args: ['z'] })], tolerations: [{ key: 'b' }] }),
    ],
    [
      'ports merge by containerPort',
      withPod({ containers: [container('a', { ports: [{ containerPort: 80, name: 'http' }] })] }),
      podPatch({
        containers: [{ name: 'a', ports: [{ containerPort: 81 }, { containerPort: 80, protocol: 'TCP' }] }],
      }),
      withPod({
        containers: [
          container('a', {
            ports: [{ containerPort: 81 }, { name: 'http', containerPort: 80, protocol: 'TCP' }],
          }),
        ],
      }),
    ],
    [
      'finalizers are a set',
      withSpec({ template: {} }, { finalizers: ['a', 'b', 'c'] }),
      {
        metadata: {
          '$deleteFromPrimitiveList/finalizers': ['b'],
          '$setElementOrder/finalizers': ['a', 'c', 'd'],
          finalizers: ['d'],
        },
      },
      withSpec({ template: {} }, { finalizers: ['a', 'c', 'd'] }),
    ],
  ])('%s', (_, original, patch, want) => {
    expect(patched(STRATEGIC, original, patch)).toEqual(whole(want));
  });

  it.each([
    [
      podPatch({ containers: [{ image: 'x' }] }),
      'map: map[image:x] does not contain declared merge key: name',
    ],
    [
      podPatch({ containers: [{ $patch: 'swap', name: 'a' }] }),
      'unknown patch type: swap in map: map[$patch:swap name:a]',
    ],
    [
      { spec: { strategy: { $retainKeys: ['type'], rollingUpdate: {} } } },
      'invalid patch format of retainKeys',
    ],
    [
      podPatch({ '$setElementOrder/containers': [{ name: 'b' }], containers: [{ name: 'a' }] }),
      "The order in patch list:\n[map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
    ],
  ])('refuses %#', (patch, message) => {
    const original = withSpec({ strategy: {}, template: { spec: { containers: [container('a')] } } });
    expect(refusal(() => patched(STRATEGIC, original, patch))).toMatchObject({ code: 400, message });
  });

  it('is not for custom resources', () => {
    const run = (): unknown =>
      applyPatch(withSpec({}), new TextEncoder().encode('{}'), STRATEGIC, {
        resource: { group: 'example.com', version: 'v1', kind: 'Boat' },
      });
    expect(refusal(run).code).toBe(415);
  });
});

describe('merge patch', () => {
  it('merges objects, removes null, replaces lists', () => {
    const original = withPod({ containers: [container('a')], nodeSelector: { x: '1', y: '2' } });
    const patch = podPatch({ containers: [container('b')], nodeSelector: { x: null, z: '3' } });
    expect(patched(MERGE, original, patch)).toEqual(
      whole(withPod({ containers: [container('b')], nodeSelector: { y: '2', z: '3' } })),
    );
  });

  it('checks what came out', () => {
    expect(refusal(() => patched(MERGE, withSpec({}), { spec: { replicas: 'x' } })).message).toBe(
      'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    );
    expect(refusal(() => patched(MERGE, withSpec({}), { spec: { foo: 1 } })).message).toMatch(
      /strict decoding error: unknown field "spec.foo"$/,
    );
    expect(refusal(() => patched(MERGE, withSpec({}), '{"spec":{},"spec":{}}')).message).toBe(
      'error decoding patch: strict decoding error: duplicate field "spec"',
    );
    expect(refusal(() => patched(MERGE, withSpec({}), '[]')).code).toBe(400);
  });
});

describe('JSON patch', () => {
  const original = withPod({ containers: [container('a')] });
  const path = '/spec/template/spec/containers';

  it('does all its operations', () => {
    const got = patched(JSON_PATCH, original, [
      { op: 'test', path: '/metadata/name', value: 'd1' },
      { op: 'test', path: '/spec/paused', value: null },
      { op: 'add', path: `${path}/-`, value: container('b') },
      { op: 'add', path: `${path}/0`, value: container('c') },
      { op: 'replace', path: `${path}/1/image`, value: 'x' },
      { op: 'add', path: '/metadata/labels', value: {} },
      { op: 'add', path: '/metadata/labels/a~1b', value: '1' },
      { op: 'add', path: '/metadata/labels/constructor', value: '2' },
      { op: 'copy', from: '/metadata/labels/a~1b', path: '/metadata/labels/c' },
      { op: 'move', from: '/metadata/labels/c', path: '/metadata/labels/d' },
      { op: 'remove', path: `${path}/2` },
    ]);
    expect(got).toEqual({
      ...whole(withPod({ containers: [container('c'), { name: 'a', image: 'x' }] })),
      metadata: { name: 'd1', labels: { 'a/b': '1', constructor: '2', d: '1' } },
    });
  });

  it.each([
    [[{ op: 'test', path: '/metadata/name', value: 'x' }], 422],
    [[{ op: 'remove', path: '/spec/nope' }], 422],
    [[{ op: 'replace', path: `${path}/7`, value: {} }], 422],
    [[{ op: 'add', path: `${path}/7`, value: {} }], 422],
    [[{ op: 'add', path: `${path}/x`, value: {} }], 422],
    [[{ op: 'add', path: '/metadata/constructor/prototype/x', value: {} }], 422],
    [[{ op: 'add', path: '/a/b', value: 1 }], 422],
    [[{ op: 'add', path: '/metadata/x' }], 422],
    [[{ op: 'walk', path: '/metadata' }], 422],
    [[{ op: 'move', from: '/spec', path: '/spec/template' }], 422],
    [Array.from({ length: 40 }, () => ({ op: 'copy', from: '/metadata', path: '/metadata/labels' })), 422],
    [{ spec: {} }, 400],
    [[1], 400],
    ['{', 400],
    [Array.from({ length: 10_001 }, () => ({ op: 'test', path: '' })), 413],
  ])('refuses %#', (patch, code) => {
    const big = withPod({ containers: [container('a')] });
    big.metadata.annotations = { a: 'x'.repeat(200_000) };
    expect(refusal(() => patched(JSON_PATCH, big, patch)).code).toBe(code);
  });
});
