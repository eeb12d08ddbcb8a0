import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { expect, it } from 'vitest';
import { spawnWithoutFiles } from './spawn-without-files.ts';

it('keeps the store from programs, and their own streams as they are', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'coracle-spawn-'));
  const db = new ClassicLevel(join(directory, 'db'));
  await db.open();
  const files = async (start: typeof spawn | typeof spawnWithoutFiles): Promise<string> => {
    const child = start('ls', ['-l', '/proc/self/fd'], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout?.on('data', (chunk) => {
      text += chunk;
    });
    await new Promise((resolve) => child.once('close', resolve));
    return text;
  };
  // Why it is there: this may change with a version of LevelDB.
  expect(await files(spawn)).toContain(`${directory}/db/LOCK`);
  const found = await files(spawnWithoutFiles);
  expect(found).not.toContain(directory);
  expect(found).toMatch(/ 1 -> (pipe|socket):/);
  await db.close();
  rmSync(directory, { recursive: true });
});
