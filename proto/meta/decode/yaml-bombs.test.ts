import { expect, it } from 'vitest';
import { SyntaxProblem } from '#proto/meta/decode/json.ts';
import { parseYaml } from '#proto/meta/decode/yaml.ts';

const bombs: Readonly<Record<string, string>> = {
  'lists that never close': '['.repeat(3_000_000),
  'lists that never opened': ']'.repeat(100_000),
  'lists in lists in one line': '- '.repeat(20_000),
  'maps that never close': '{a: '.repeat(20_000),
  'a list of nothing': `[${','.repeat(100_000)}]`,
  'a longer list of nothing': `[${','.repeat(2_000_000)}]`,
  'anchors for one value': '&a '.repeat(50_000),
  'more documents than one': 'a: 1\n---\nb: 2\n',
};

it.each(Object.entries(bombs))('refuses %s, and soon', (_, text) => {
  const before = process.threadCpuUsage();
  expect(() => parseYaml(text)).toThrow(SyntaxProblem);
  const { user, system } = process.threadCpuUsage(before);
  // CPU time, whatever else the machine does: some 30 ms; without the limits it was 2 s to 90 s.
  expect((user + system) / 1000).toBeLessThan(1_500);
});

it('reads long texts', () => {
  const text = 'echo [ { :\n'.repeat(100_000);
  const yaml = `data:\n  script: |\n${text.replaceAll(/^(?=.)/gm, '    ')}`;
  expect(parseYaml(yaml)).toEqual({ data: { script: text } });
});

it('keeps stack traces of others', () => {
  expect(() => parseYaml('a: [')).toThrow(SyntaxProblem);
  expect(new Error('x').stack).toContain('\n    at ');
});
