import { describe, expect, test } from 'vitest';
import type { KubeObject } from '#proto/meta/object.ts';
import { applyIntent, shapeOfKind } from '#server/apiserver/apply/apply-object.ts';
import { trackUpdate } from '#server/apiserver/apply/managed-fields.ts';

const KIND = { group: 'apps', version: 'v1', kind: 'Deployment' };
const manager = (name: string) => ({
  name,
  operation: 'Apply' as const,
  apiVersion: 'apps/v1',
  subresource: undefined,
  time: '2026-01-01T00:00:00Z',
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
  applyIntent(
    live,
    { config: config(spec, metadata), manager: manager(name), force },
    KIND,
    shapeOfKind(KIND),
  ) as Loose;

const containers = (...list: object[]) => ({ template: { spec: { containers: list } } });

describe('server-side apply', () => {
  test('what is no longer named goes, what others own stays', () => {
    let live = apply(undefined, { replicas: 1, paused: true }, 'a', false, { labels: { x: '1' } });
    live = apply(live, { minReadySeconds: 3 }, 'b');
    live = apply(live, { replicas: 2 }, 'a');
    expect(live.spec).toEqual({ replicas: 2, minReadySeconds: 3 });
    expect(live.metadata.labels ?? {}).toEqual({});
    expect(live.metadata.managedFields?.map((e) => e.manager)).toEqual(['b', 'a']);
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

  test('another value of a field that somebody owns is a conflict, until forced', () => {
    const live = apply(undefined, { replicas: 1 }, 'a');
    expect(() => apply(live, { replicas: 2 }, 'b')).toThrowError(
      'Apply failed with 1 conflict: conflict with "a" using apps/v1: .spec.replicas',
    );
    expect(apply(live, { replicas: 1 }, 'b').metadata.managedFields?.length).toBe(2);
    const forced = apply(live, { replicas: 2 }, 'b', true);
    expect(forced.spec).toEqual({ replicas: 2 });
    expect(forced.metadata.managedFields?.map((e) => e.manager)).toEqual(['b']);
  });

  test('an ordinary update takes over what it changes', () => {
    const live = apply(undefined, { replicas: 1, paused: true }, 'a');
    const next = structuredClone(live);
    next.spec['replicas'] = 5;
    trackUpdate(next, live, shapeOfKind(KIND), { ...manager('kubectl'), operation: 'Update' });
    expect(next.metadata.managedFields?.map((e) => [e.manager, e.operation, e.fieldsV1])).toEqual([
      ['a', 'Apply', { 'f:spec': { 'f:paused': {} } }],
      ['kubectl', 'Update', { 'f:spec': { 'f:replicas': {} } }],
    ]);
    expect(() => apply(next, { replicas: 1 }, 'a')).toThrowError('conflict with "kubectl"');
  });

  test('what was there before the first apply belongs to a manager of that name', () => {
    const live = config({ replicas: 1, paused: true });
    expect(() => apply(live, { replicas: 2 }, 'a')).toThrowError(
      /^Apply failed with 1 conflict: conflict with "before-first-apply" using apps\/v1.*: \.spec\.replicas$/,
    );
    const same = apply(live, { replicas: 1 }, 'a');
    expect(same.metadata.managedFields?.map((e) => [e.manager, e.operation])).toEqual([
      ['before-first-apply', 'Update'],
      ['a', 'Apply'],
    ]);
    // Given up by the applier, but not by who had it before.
    expect(apply(same, {}, 'a').spec).toEqual({ replicas: 1, paused: true });
    expect(apply(live, { replicas: 2 }, 'a', true).spec).toEqual({ replicas: 2, paused: true });
  });
});
