import { mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { Seal } from './seal.ts';

const flipped = (text: string): string => `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}`;

let path: string;
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'coracle-seal-')), 'sealing.key');
});

it('opens what the same board sealed, also after a restart', () => {
  const sealed = new Seal(path, 'h1').seal('a wörd', 'secrets/a/b');
  expect(new Seal(path, 'h1').open(sealed, 'secrets/a/b')).toBe('a wörd');
  expect(sealed).not.toContain(Buffer.from('a w').toString('base64'));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(new Seal(path, 'h1').seal('a wörd', 'secrets/a/b')).not.toBe(sealed);
});

it.each<[string, (sealed: string) => string]>([
  ['on other hardware', (sealed) => new Seal(path, 'h2').open(sealed, 'l')],
  ['under another label', (sealed) => new Seal(path, 'h1').open(sealed, 'm')],
  ['when it was changed', (sealed) => new Seal(path, 'h1').open(flipped(sealed), 'l')],
  ['when it was cut', (sealed) => new Seal(path, 'h1').open(sealed.slice(0, 20), 'l')],
  [
    'without the key’s file',
    (sealed) => {
      writeFileSync(path, 'half');
      return new Seal(path, 'h1').open(sealed, 'l');
    },
  ],
])('opens nothing %s', (_, open) => {
  const sealed = new Seal(path, 'h1').seal('secret', 'l');
  expect(() => open(sealed)).toThrow();
});
