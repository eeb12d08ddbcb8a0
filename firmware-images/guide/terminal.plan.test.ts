import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { drawTerminal, readRecord, wrap } from './terminal.plan.ts';

it('breaks long lines, keeps columns, and marks what was typed', () => {
  expect(wrap('abcdef', 4)).toEqual(['abcd', 'ef']);
  expect(wrap('')).toEqual(['']);
  const svg = drawTerminal(readRecord('A <board>\n$ ls "x"\nNAME   READY\n[    1.5] up\n\n'));
  expect(svg).toContain('aria-label="A &#60;board&#62;"');
  expect(svg).toMatch(/fill="#6fcf97">\$<\/tspan><tspan x="34.8" textLength="50.4"[^>]*>ls &#34;x&#34;</);
  expect(svg).toMatch(/textLength="100.8">NAME {3}READY</);
  expect(svg.match(/<text y=/g)).toHaveLength(3);
});

it('has drawn every record as it is', () => {
  const records = join(import.meta.dirname, 'records');
  for (const name of readdirSync(records)) {
    const drawn = drawTerminal(readRecord(readFileSync(join(records, name), 'utf8')));
    expect(readFileSync(join(import.meta.dirname, name.replace('.txt', '.svg')), 'utf8')).toBe(drawn);
  }
});
