import { describe, expect, test } from 'vitest';
import type { KubeObject } from '#proto/meta/object.ts';
import { schema } from '#proto/schema/schema.ts';
import { applyIntent } from '#server/apiserver/apply/apply-object.ts';
import { trackUpdate } from '#server/apiserver/apply/managed-fields.ts';
import { shapeOfKind } from '#server/apiserver/apply/shape.ts';
import { createSchemaCodec } from '#server/apiserver/rest/schema-codec.ts';

const KIND = { group: 'apps', version: 'v1', kind: 'Deployment' };
const SHAPE = shapeOfKind(schema, KIND);
const ZERO = createSchemaCodec().zeroOf(KIND);
const TARGET = { kind: KIND, shape: SHAPE, zero: ZERO, reset: { 'f:status': {} } };
const TIME = '2026-01-01T00:00:00Z';
const manager = (name: string, operation: 'Apply' | 'Update' = 'Apply') => ({
  name,
  operation,
  apiVersion: 'apps/v1',
  subresource: undefined,
  time: TIME,
});

type Loose = KubeObject & { spec: Record<string, unknown> };
const config = (spec: object, metadata: object = {}): Loose =>
  ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', ...metadata }, spec }) as Loose;

const apply = (
  live: KubeObject | undefined,
  spec: object,
  name = 'a',
  force = false,
  metadata: object = {},
): Loose =>
  applyIntent(live, { config: config(spec, metadata), manager: manager(name), force }, TARGET) as Loose;

function update(live: KubeObject | undefined, change: (next: Loose) => void, name = 'u'): Loose {
  const next = structuredClone(live ?? config({})) as Loose;
  change(next);
  trackUpdate(next, live, ZERO, SHAPE, manager(name, 'Update'));
  return next;
}

const containers = (...list: object[]) => ({ template: { spec: { containers: list } } });
const owners = ({ metadata }: KubeObject): unknown =>
  metadata.managedFields?.map((e) => [e.manager, e.operation, e.fieldsV1]);

describe('server-side apply', () => {
  test('what is no longer named goes, what others own stays', () => {
    let live = apply(undefined, { replicas: 1, paused: true }, 'a', false, { labels: { x: '1' } });
    live = apply(live, { minReadySeconds: 3 }, 'b');
    live = apply(live, { replicas: 2 }, 'a');
    expect(live.spec).toMatchObject({ replicas: 2, minReadySeconds: 3 });
    expect(live.spec['paused']).toBeUndefined();
    expect(live.metadata).toMatchObject({ name: 'd' });
    expect(live.metadata.labels ?? {}).toEqual({});
    expect(owners(live)).toEqual([
      ['a', 'Apply', { 'f:spec': { 'f:replicas': {} } }],
      ['b', 'Apply', { 'f:spec': { 'f:minReadySeconds': {} } }],
    ]);
  });

  test('containers merge by name, ports by number and protocol', () => {
    let live = apply(undefined, containers({ name: 'x', image: '1', ports: [{ containerPort: 80 }] }), 'a');
    live = apply(
      live,
      containers({ name: 'x', ports: [{ containerPort: 80, protocol: 'UDP' }] }, { name: 'y' }),
      'b',
    );
    expect(live.spec).toMatchObject(
      containers(
        { name: 'x', image: '1', ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'UDP' }] },
        { name: 'y' },
      ),
    );
    live = apply(live, containers({ name: 'x' }), 'b');
    expect(live.spec).toMatchObject(containers({ name: 'x', image: '1', ports: [{ containerPort: 80 }] }));
  });

  test.each([
    [
      ['c', 'd'],
      ['d', 'n', 'c'],
      ['d', 'n', 'c'],
    ],
    [
      ['c', 'd', 'e'],
      ['n', 'e'],
      ['c', 'd', 'n', 'e'],
    ],
    [['c', 'd'], ['n'], ['c', 'd', 'n']],
  ])('items %j and then %j come as %j', (first, second, want) => {
    const named = (names: string[]) => containers(...names.map((name) => ({ name })));
    const live = apply(apply(undefined, named(first), 'a'), named(second), 'b');
    expect(live.spec).toMatchObject(named(want));
  });

  test('another value of a field that somebody owns is a conflict, until forced', () => {
    const live = apply(undefined, { replicas: 1 }, 'a');
    expect(() => apply(live, { replicas: 2 }, 'b')).toThrowError(
      'Apply failed with 1 conflict: conflict with "a": .spec.replicas',
    );
    expect(apply(live, { replicas: 1 }, 'b').metadata.managedFields?.length).toBe(2);
    const forced = apply(live, { replicas: 2 }, 'b', true);
    expect(forced.spec['replicas']).toBe(2);
    expect(forced.metadata.managedFields?.map((e) => e.manager)).toEqual(['b']);
  });

  test('conflicts with several managers are told by manager', () => {
    let live = apply(undefined, { replicas: 1, ...containers({ name: 'x', image: '1' }) }, 'b');
    live = update(live, (next) => Object.assign(next.spec, { paused: true }));
    const wished = { replicas: 2, paused: false, ...containers({ name: 'x', image: '2' }) };
    expect(() => apply(live, wished, 'c')).toThrowError(
      expect.objectContaining({
        message: [
          'Apply failed with 3 conflicts: conflicts with "b":',
          '- .spec.replicas',
          '- .spec.template.spec.containers[name="x"].image',
          'conflicts with "u" using apps/v1:',
          '- .spec.paused',
        ].join('\n'),
        code: 409,
      }),
    );
  });

  test('an ordinary update takes over what it changes', () => {
    const live = apply(undefined, { replicas: 1, paused: true }, 'a');
    const next = update(live, ({ spec }) => Object.assign(spec, { replicas: 5 }), 'kubectl');
    expect(owners(next)).toEqual([
      ['a', 'Apply', { 'f:spec': { 'f:paused': {} } }],
      ['kubectl', 'Update', { 'f:spec': { 'f:replicas': {} } }],
    ]);
    expect(() => apply(next, { replicas: 1 }, 'a')).toThrowError('conflict with "kubectl"');
  });

  test('what was there before the first apply belongs to a manager of that name', () => {
    const live = config({ replicas: 1, paused: true });
    expect(() => apply(live, { replicas: 2 }, 'a')).toThrowError(
      'Apply failed with 1 conflict: conflict with "before-first-apply" using apps/v1: .spec.replicas',
    );
    const same = apply(live, { replicas: 1 }, 'a');
    expect(owners(same)).toEqual([
      ['a', 'Apply', { 'f:spec': { 'f:replicas': {} } }],
      ['before-first-apply', 'Update', { 'f:spec': { 'f:paused': {}, 'f:replicas': {} } }],
    ]);
    // Given up by the applier, but not by who had it before.
    expect(apply(same, {}, 'a').spec).toMatchObject({ replicas: 1, paused: true });
    expect(apply(live, { replicas: 2 }, 'a', true).spec).toMatchObject({ replicas: 2, paused: true });
  });

  test('kubectl takes over what it applied from its own side', () => {
    const last = JSON.stringify(config({ replicas: 1, paused: true }));
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': last };
    let live = update(undefined, (next) => {
      Object.assign(next.spec, { replicas: 1, paused: true });
      Object.assign(next.metadata, { annotations });
    });
    live = apply(live, { replicas: 3, paused: true }, 'kubectl');
    expect(live.spec['replicas']).toBe(3);
    expect(JSON.parse(live.metadata.annotations?.[Object.keys(annotations)[0] ?? ''] ?? '')).toMatchObject({
      spec: { replicas: 3 },
    });
    expect(() => apply(live, { replicas: 4 }, 'other')).toThrowError(
      'conflict with "kubectl": .spec.replicas',
    );
  });

  test.each([
    [{ foo: 1 }, '.spec.foo: field not declared in schema'],
    [
      containers({ name: 'x' }, { name: 'x' }),
      '.spec.template.spec.containers: duplicate entries for key [name="x"]',
    ],
    [
      { template: { spec: { topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'a' }, 'b'] } } },
      '.spec.template.spec.topologySpreadConstraints: element 1: associative list with keys may not have non-map elements',
    ],
  ])('refuses %j', (spec, problem) => {
    expect(() => apply(undefined, spec)).toThrowError(
      `failed to create typed patch object (/d; apps/v1, Kind=Deployment): ${problem}`,
    );
  });

  test('does not own what the part that is written to does not take', () => {
    const wished = { ...config({ replicas: 1 }), status: { replicas: 4 } } as KubeObject;
    const live = applyIntent(undefined, { config: wished, manager: manager('a'), force: false }, TARGET);
    expect(owners(live)).toEqual([['a', 'Apply', { 'f:spec': { 'f:replicas': {} } }]]);
  });
});

describe('ownership of updates', () => {
  test('begins with the create, in the form that upstream writes', () => {
    const made = update(undefined, (next) => {
      next.metadata.labels = { x: '1' };
      Object.assign(next.spec, {
        selector: { matchLabels: { a: 'b' } },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } },
        template: {
          metadata: {},
          spec: {
            containers: [{ name: 'c', ports: [{ containerPort: 80, protocol: 'TCP' }], resources: {} }],
          },
        },
      });
    });
    expect(made.metadata.managedFields).toEqual([
      {
        manager: 'u',
        operation: 'Update',
        apiVersion: 'apps/v1',
        time: TIME,
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:labels': { '.': {}, 'f:x': {} } },
          'f:spec': {
            'f:selector': {},
            'f:strategy': { 'f:rollingUpdate': { '.': {}, 'f:maxSurge': {} }, 'f:type': {} },
            'f:template': {
              'f:spec': {
                'f:containers': {
                  'k:{"name":"c"}': {
                    '.': {},
                    'f:name': {},
                    'f:ports': {
                      '.': {},
                      'k:{"containerPort":80,"protocol":"TCP"}': {
                        '.': {},
                        'f:containerPort': {},
                        'f:protocol': {},
                      },
                    },
                    'f:resources': {},
                  },
                },
              },
            },
          },
        },
      },
    ]);
  });

  test('what is removed belongs to nobody, and an update of nothing changes nothing', () => {
    const live = update(undefined, ({ metadata }) => {
      metadata.labels = { x: '1', y: '2' };
    });
    const next = update(live, ({ metadata }) => delete metadata.labels?.['x'], 'v');
    expect(owners(next)).toEqual([['u', 'Update', { 'f:metadata': { 'f:labels': { '.': {}, 'f:y': {} } } }]]);
    expect(update(next, () => {}, 'w')).toEqual(next);
  });

  test.each([[[]], [[{}]]])('%j forgets it', (managedFields) => {
    const live = update(undefined, ({ spec }) => Object.assign(spec, { replicas: 1 }));
    const next = update(live, ({ metadata }) => Object.assign(metadata, { managedFields }));
    expect(next.metadata.managedFields).toBeUndefined();
    // Who was forgotten is not noted again by an update.
    expect(
      update(next, ({ spec }) => Object.assign(spec, { replicas: 2 })).metadata.managedFields,
    ).toBeUndefined();
  });

  test.each([
    ['a client that knows nothing of it', undefined],
    ['nonsense', [{ manager: 'x', operation: 'Steal' }]],
    [
      'a key that is none',
      [{ operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: { 'k:{': {} } }],
    ],
  ])('%s changes nothing of it', (_, managedFields) => {
    const live = update(undefined, ({ spec }) => Object.assign(spec, { replicas: 1 }));
    const next = update(live, ({ metadata }) => {
      if (managedFields) Object.assign(metadata, { managedFields });
      else delete metadata.managedFields;
    });
    expect(next.metadata.managedFields).toEqual(live.metadata.managedFields);
  });

  test('more than ten updaters are merged, the oldest first', () => {
    let live = update(undefined, ({ spec }) => Object.assign(spec, { replicas: 1 }), 'm00');
    for (let i = 1; i <= 12; i++)
      live = update(
        live,
        ({ metadata }) => {
          metadata.labels = { ...metadata.labels, [`k${i}`]: 'v' };
        },
        `m${String(i).padStart(2, '0')}`,
      );
    const { managedFields = [] } = live.metadata;
    expect(managedFields.length).toBe(10);
    expect(managedFields.map((e) => e.manager)).toContain('ancient-changes');
    expect(JSON.stringify(owners(live))).toMatch(/f:replicas.*/);
  });
});
