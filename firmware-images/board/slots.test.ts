import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { formatState, parseState, readBootInfo, readState, writeState } from './slots.ts';

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'coracle-slots-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

it.each([
  ['', { good: 'a', try: undefined, left: 0 }],
  ['good=b\ntry=\nleft=0\n', { good: 'b', try: undefined, left: 0 }],
  ['good=a\ntry=b\nleft=3\n', { good: 'a', try: 'b', left: 3 }],
  ['good=c\ntry=$(reboot)\nleft=99\n', { good: 'a', try: undefined, left: 0 }],
])('reads %j', (text, state) => {
  expect(parseState(text)).toEqual(state);
});

it('keeps a state, and begins with a good slot a', () => {
  const path = join(aFolder(), 'boot/state');
  expect(readState(path)).toEqual({ good: 'a', try: undefined, left: 0 });
  const state = { good: 'a', try: 'b', left: 3 } as const;
  writeState(state, path);
  expect(readState(path)).toEqual(state);
  expect(formatState(state)).toBe('good=a\ntry=b\nleft=3\n');
});

it('reads what the initrd says', () => {
  const path = join(aFolder(), 'boot');
  writeFileSync(path, 'slot=b\ndisk=vda\nboot=/dev/vda1\na=/dev/vda2\nb=/dev/vda3\n');
  expect(readBootInfo(path)).toEqual({ slot: 'b', devices: { a: '/dev/vda2', b: '/dev/vda3' } });
});
