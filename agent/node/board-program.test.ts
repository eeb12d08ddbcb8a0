import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, it, onTestFinished } from 'vitest';
import { openBoardProgram } from './board-program.ts';

/** A board whose program says how much came in, and refuses what begins with "bad". */
function aBoard() {
  const folder = mkdtempSync(join(tmpdir(), 'coracle-board-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'board.json'), '{}');
  writeFileSync(
    join(folder, 'board.mjs'),
    `if (process.argv[2] === 'state') console.log('{"slot":"a"}');
     else {
       let text = '';
       for await (const chunk of process.stdin) text += chunk;
       if (text.startsWith('bad')) { console.error('board: not signed'); process.exit(1); }
       console.log(text.length);
     }`,
  );
  const board = openBoardProgram(folder);
  if (!board) throw new Error('no program');
  return board;
}
const upgrade = (text?: string): IncomingMessage => {
  const stream = new PassThrough();
  if (text !== undefined) stream.end(text);
  return stream as unknown as IncomingMessage;
};

it('is there only where the board was flashed', () => {
  expect(openBoardProgram(tmpdir())).toBeUndefined();
});

it('hands on what the program says, and its reason when it refuses', async () => {
  const board = aBoard();
  expect(JSON.parse(await board.state())).toEqual({ slot: 'a' });
  expect((await board.receive(upgrade('good system'))).trim()).toBe('11');
  await expect(board.receive(upgrade('bad system'))).rejects.toMatchObject({
    code: 400,
    message: 'not signed',
  });
});

it('gives up an upgrade that does not end for the one that comes next', async () => {
  const board = aBoard();
  const first = board.receive(upgrade());
  const second = board.receive(upgrade('newer'));
  await expect(first).rejects.toThrow('another upgrade has come');
  expect((await second).trim()).toBe('5');
});
