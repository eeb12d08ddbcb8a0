import { describe, expect, it } from 'vitest';
import { resources } from '#proto/api/index.ts';
import { strategies } from '#server/registry/index.ts';

// Events of the newer group are kept as the core group's.
const stored = resources.filter(
  (resource) => resource.verbs.includes('update') && resource.group !== 'events.k8s.io',
);

describe('strategies', () => {
  it.each([...new Set(stored.map((r) => `${r.group}/${r.plural}`))])('has %s', (id) => {
    expect(strategies.has(id)).toBe(true);
  });

  it('has none of a kind that is not served', () => {
    const served = new Set(resources.map((r) => `${r.group}/${r.plural}`));
    expect([...strategies.keys()].filter((id) => !served.has(id))).toEqual([]);
  });

  it.each([...strategies])('%s survives an object with nothing but a name', (_, strategy) => {
    const object = { metadata: { name: 'x', namespace: 'default', uid: 'u' }, spec: undefined };
    const context = { now: 0, user: { name: 'someone', groups: [] } };
    strategy.applyDefaults?.(object);
    strategy.prepareForCreate?.(object, context);
    const errors = strategy.validate?.(object, context) ?? [];
    expect(errors.every((error) => error.message && error.reason)).toBe(true);
  });

  it.each([...strategies])('%s applies its defaults once', (_, strategy) => {
    const object = { metadata: { name: 'x', namespace: 'default' } };
    strategy.applyDefaults?.(object);
    const once = structuredClone(object);
    strategy.applyDefaults?.(object);
    expect(object).toEqual(once);
  });
});
