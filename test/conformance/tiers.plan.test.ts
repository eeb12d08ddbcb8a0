import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { focusExpressions, needsNoNode, parseTestList, parseTiers, planTests, tierOf } from './tiers.plan.ts';

const tiers = parseTiers(
  [
    '# a comment',
    'A [sig-a] stores [Conformance]',
    'B [sig-b] runs [Conformance]',
    'B [sig-b] evicts [Serial] [Conformance]',
    '',
  ].join('\n'),
);
const names = [...tiers.keys(), '[sig-b] streams', '[sig-c] new one [Conformance]'];

describe('parseTiers', () => {
  it('gives each name its letter', () => {
    expect([...tiers.values()]).toEqual(['A', 'B', 'B']);
  });

  it.each([
    ['D [sig-a] x', /line 1: D/],
    ['A', /line 1: A/],
    ['A [sig-a] x\nB [sig-a] x', /line 2: twice/],
  ])('refuses %j', (text, message) => {
    expect(() => parseTiers(text)).toThrow(message);
  });

  it('reads the committed list: 446 tests of Kubernetes 1.36', () => {
    const all = parseTiers(readFileSync(join(import.meta.dirname, 'tiers.txt'), 'utf8'));
    expect(all.size).toBe(446);
    expect([...all.keys()].every((name) => name.includes('[Conformance]'))).toBe(true);
  });
});

it('parseTestList takes names from what the binary prints, each once', () => {
  const line = '    ../pkg/test/e2e/apps/job.go:12: [sig-apps] Job should run: twice';
  expect(parseTestList(`The following spec names can be used:\n${line}\n${line}\n\n`)).toEqual([
    '[sig-apps] Job should run: twice',
  ]);
});

describe('planTests', () => {
  const plan = (selection: Parameters<typeof planTests>[2]) => planTests(names, tiers, selection);

  it('takes conformance tests and keeps serial ones apart', () => {
    expect(plan({})).toEqual({
      parallel: [
        '[sig-a] stores [Conformance]',
        '[sig-b] runs [Conformance]',
        '[sig-c] new one [Conformance]',
      ],
      serial: ['[sig-b] evicts [Serial] [Conformance]'],
    });
  });

  it('narrows by tier, focus and skip together', () => {
    expect(plan({ tier: 'B', skip: /Serial/ }).parallel).toEqual(['[sig-b] runs [Conformance]']);
    expect(plan({ tier: 'B', focus: /\[sig-a\]/ })).toEqual({ parallel: [], serial: [] });
  });

  it('takes other tests only with all', () => {
    expect(plan({ focus: /streams/ }).parallel).toEqual([]);
    expect(plan({ focus: /streams/, all: true }).parallel).toEqual(['[sig-b] streams']);
  });

  it('counts a test that is in no list as C', () => {
    expect(tierOf(tiers, '[sig-c] new one [Conformance]')).toBe('C');
    expect(plan({ tier: 'C' }).parallel).toEqual(['[sig-c] new one [Conformance]']);
  });

  it('knows when no node is needed', () => {
    expect(needsNoNode(tiers, plan({ tier: 'A' }))).toBe(true);
    expect(needsNoNode(tiers, plan({ focus: /stores|evicts/ }))).toBe(false);
  });
});

describe('focusExpressions', () => {
  it('matches the names and nothing longer', () => {
    const [expression = ''] = focusExpressions(['[sig-a] takes 1.5 (or more)', '[sig-b] x']);
    const pattern = new RegExp(expression);
    expect(pattern.test('suite [sig-a] takes 1.5 (or more)')).toBe(true);
    expect(pattern.test('suite [sig-a] takes 1.5 (or more) times')).toBe(false);
    expect(pattern.test('suite [sig-a] takes 125 (or more)')).toBe(false);
  });

  it('splits what is too long for one argument, and loses nothing', () => {
    const many = Array.from({ length: 7000 }, (_, n) => `[sig-x] does a thing that needs a long name, ${n}`);
    const expressions = focusExpressions(many);
    expect(expressions.length).toBeGreaterThan(1);
    expect(expressions.every((expression) => expression.length < 131_072)).toBe(true);
    expect(expressions.reduce((sum, expression) => sum + expression.split('|').length, 0)).toBe(7000);
  });
});
