import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { syncSnapshots } from './sync-snapshots.ts';

it('goes through what an image may hold, and through nothing that was there before', () => {
  const folder = mkdtempSync(join(tmpdir(), 'coracle-snapshots-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, '1/fs/etc'), { recursive: true });
  writeFileSync(join(folder, '1/fs/etc/passwd'), 'root');
  symlinkSync('/nowhere', join(folder, '1/fs/dangling'));
  syncSnapshots(folder, 0);
  // A socket of a container that runs can't be opened: it would throw if it was tried.
  syncSnapshots(folder, Date.now() + 3_600_000);
  expect(() => syncSnapshots(join(folder, 'none'), 0)).not.toThrow();
});
