import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { resources } from '#proto/api/index.ts';
import { apiVersionOf } from '#proto/api/resource.ts';

interface Facts {
  readonly [group: string]: {
    readonly group: string;
    readonly version: string;
    readonly types: Record<string, string>;
  };
}

const facts = JSON.parse(
  readFileSync(new URL('../schema/generated/facts.json', import.meta.url), 'utf8'),
) as Facts;

const kindsOf = new Map(Object.values(facts).map((g) => [apiVersionOf(g), g.types]));

test('every descriptor names a kind that the schema knows', () => {
  const missing = resources
    .filter((r) => !kindsOf.get(apiVersionOf(r))?.[r.kind])
    .map((r) => `${apiVersionOf(r)} ${r.kind}`);
  expect(missing).toEqual([]);
});

test('a path belongs to one descriptor', () => {
  const paths = resources.map((r) => `${apiVersionOf(r)}/${r.plural}`);
  expect(new Set(paths).size).toBe(paths.length);
});

test('a stored kind has a list kind, a create-only one has none', () => {
  for (const r of resources) expect(r.listKind !== undefined, r.plural).toBe(r.verbs.includes('list'));
});

test('subresources name kinds of the schema', () => {
  for (const r of resources) {
    for (const sub of r.subresources ?? []) {
      const types = kindsOf.get(
        apiVersionOf({ group: sub.group ?? r.group, version: sub.version ?? r.version }),
      );
      expect(types?.[sub.kind], `${r.plural}/${sub.name}`).toBeDefined();
    }
  }
});

test('no generally available kind of 1.36 is missing', () => {
  const stored = resources.filter(({ group }) => group !== 'metrics.k8s.io');
  expect(stored.length).toBe(68);
});
