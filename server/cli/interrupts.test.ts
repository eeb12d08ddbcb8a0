import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

/** A command that says when it begins and when it is told to stop, and then tidies up for as long as it is given. */
function aCommand(tidies: 'at once' | 'for ever') {
  const script = `
    const { listenForInterrupts } = await import(${JSON.stringify(join(import.meta.dirname, 'interrupts.ts'))});
    const { signal, end } = listenForInterrupts();
    signal.addEventListener('abort', () => {
      console.log(signal.reason.message);
      if (${tidies === 'at once'}) setImmediate(() => setImmediate(end));
    });
    console.log('begins');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}
async function said({ stdout }: ChildProcess): Promise<string> {
  const [chunk] = (await once(stdout ?? process.stdout, 'data')) as [Buffer];
  return chunk.toString();
}

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('tidies up on %s, and then ends by it', async (signal) => {
  const child = aCommand('at once');
  const ended = once(child, 'close');
  expect(await said(child)).toBe('begins\n');
  child.kill(signal);
  expect(await said(child)).toBe(`interrupted by ${signal}\n`);
  expect(await ended).toEqual([null, signal]);
});

it('ends at once when it comes again', async () => {
  const child = aCommand('for ever');
  const ended = once(child, 'close');
  expect(await said(child)).toBe('begins\n');
  child.kill('SIGINT');
  expect(await said(child)).toBe('interrupted by SIGINT\n');
  child.kill('SIGINT');
  expect(await ended).toEqual([null, 'SIGINT']);
});

it('tidies up where nobody reads any more what it says', async () => {
  const child = aCommand('at once');
  const ended = once(child, 'exit');
  expect(await said(child)).toBe('begins\n');
  child.stdout?.destroy();
  child.stderr?.destroy();
  child.kill('SIGHUP');
  expect(await ended).toEqual([null, 'SIGHUP']);
});
