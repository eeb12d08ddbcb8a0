import { describe, expect, it } from 'vitest';
import type { ObjectMeta } from '#proto/schema/generated/meta-v1.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from '#server/registry/validation/object-meta.ts';

const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'a', uid: '1', controller: true };

const cases: [string, ObjectMeta, string[]][] = [
  ['a good name', { name: 'web', namespace: 'default' }, []],
  ['no name', { namespace: 'default' }, ['metadata.name: Required value: name or generateName is required']],
  [
    'upper case',
    { name: 'Web', namespace: 'default' },
    [
      `metadata.name: Invalid value: "Web": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
    ],
  ],
  [
    'a long name',
    { name: 'a'.repeat(254), namespace: 'default' },
    [`metadata.name: Invalid value: "${'a'.repeat(254)}": must be no more than 253 characters`],
  ],
  ['a prefix that ends in a dash', { name: 'web-x', generateName: 'web-', namespace: 'default' }, []],
  ['no namespace', { name: 'web' }, ['metadata.namespace: Required value']],
  [
    'a bad label value',
    { name: 'web', namespace: 'default', labels: { app: 'a b' } },
    [
      `metadata.labels: Invalid value: "a b": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
    ],
  ],
  [
    'annotations that are too large',
    { name: 'web', namespace: 'default', annotations: { note: 'ä'.repeat(131_072) } },
    ['metadata.annotations: Too long: may not be more than 262144 bytes'],
  ],
  [
    'two controllers',
    { name: 'web', namespace: 'default', ownerReferences: [owner, { ...owner, name: 'b' }] },
    [
      `metadata.ownerReferences: Invalid value: ${JSON.stringify([owner, { ...owner, name: 'b' }])}: Only one reference can have Controller set to true. Found "true" in references for ReplicaSet/a and ReplicaSet/b`,
    ],
  ],
  [
    'an owner without uid',
    { name: 'web', namespace: 'default', ownerReferences: [{ ...owner, uid: '' }] },
    ['metadata.ownerReferences.uid: Invalid value: "": must not be empty'],
  ],
  [
    'finalizers that contradict each other',
    { name: 'web', namespace: 'default', finalizers: ['orphan', 'foregroundDeletion'] },
    [
      'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
    ],
  ],
];

describe('validateObjectMeta', () => {
  it.each(cases)('%s', (_, meta, expected) => {
    expect(validateObjectMeta(meta, { namespaced: true }).map((e) => `${e.field}: ${e.message}`)).toEqual(
      expected,
    );
  });

  it('refuses a namespace on cluster-scoped kinds', () => {
    const errors = validateObjectMeta({ name: 'n', namespace: 'x' }, { namespaced: false });
    expect(errors).toMatchObject([{ field: 'metadata.namespace', reason: 'FieldValueForbidden' }]);
  });

  it('knows the finalizers that need no domain', () => {
    const finalizers = ['kubernetes', 'orphan', 'a.b/c', 'mine'];
    const check = (kubeFinalizers: boolean) =>
      validateObjectMeta({ name: 'n', namespace: 'd', finalizers }, { namespaced: true, kubeFinalizers }).map(
        (e) => `${e.field}: ${e.message}`,
      );
    expect(check(false)).toEqual([]);
    expect(check(true)).toEqual([
      'metadata.finalizers[3]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
    ]);
  });

  it('lets RBAC names hold colons', () => {
    const rule = { namespaced: false, nameRule: 'path-segment' } as const;
    expect(validateObjectMeta({ name: 'system:node' }, rule)).toEqual([]);
    expect(validateObjectMeta({ name: 'a/b' }, rule)).toMatchObject([{ field: 'metadata.name' }]);
  });
});

describe('validateObjectMetaUpdate', () => {
  const old = { name: 'web', namespace: 'default', uid: '1', resourceVersion: '5', generation: 2 };
  it.each<[string, ObjectMeta, ObjectMeta, string[]]>([
    ['nothing changed', old, old, []],
    ['no resourceVersion', { ...old, resourceVersion: undefined }, old, ['metadata.resourceVersion']],
    ['another uid', { ...old, uid: '2' }, old, ['metadata.uid']],
    ['an older generation', { ...old, generation: 1 }, old, ['metadata.generation']],
    [
      'a new finalizer on a deleted object',
      { ...old, deletionTimestamp: 't', finalizers: ['a/b'] },
      { ...old, deletionTimestamp: 't' },
      ['metadata.finalizers'],
    ],
  ])('%s', (_, meta, before, fields) => {
    expect(validateObjectMetaUpdate(meta, before).map((e) => e.field)).toEqual(fields);
  });
});
