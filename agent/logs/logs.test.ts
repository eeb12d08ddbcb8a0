import { appendFile, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeRuntime } from '#agent/runtime/fake/fake-runtime.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { type LogOptions, parseLogOptions } from './log-line.plan.ts';
import { readLogs } from './read-logs.ts';
import { LogRotator } from './rotate-logs.ts';

let root: string;
let path: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'coracle-logs-'));
  path = join(root, '0.log');
});
afterEach(() => rm(root, { recursive: true }));

const at = (second: number): string => `2026-11-20T20:48:${String(second).padStart(2, '0')}.123456789Z`;
const line = (second: number, text: string, stream = 'stdout', tag = 'F'): string =>
  `${at(second)} ${stream} ${tag} ${text}\n`;

const read = async (
  options: Partial<LogOptions> = {},
  signal = new AbortController().signal,
): Promise<string> => {
  const source = { path, isRunning: () => false };
  const parts: Uint8Array[] = [];
  for await (const part of readLogs(source, { follow: false, timestamps: false, ...options }, signal)) {
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
};

describe('readLogs', () => {
  const three = line(1, 'one') + line(2, 'two', 'stderr') + line(3, 'three');

  it.each<[string, Partial<LogOptions>, string]>([
    ['all', {}, 'one\ntwo\nthree\n'],
    ['the tail', { tailLines: 2 }, 'two\nthree\n'],
    ['no tail', { tailLines: 0 }, ''],
    ['a longer tail than there is', { tailLines: 9 }, 'one\ntwo\nthree\n'],
    ['since a time', { sinceMs: Date.parse(at(2)) }, 'two\nthree\n'],
    ['one stream', { stream: 'stderr' }, 'two\n'],
    ['with times', { timestamps: true, tailLines: 1 }, `${at(3)} three\n`],
    ['so many bytes', { limitBytes: 6 }, 'one\ntw'],
    ['so many bytes with times', { limitBytes: 4, timestamps: true }, '2026'],
  ])('shows %s', async (_name, options, expected) => {
    await writeFile(path, three);
    expect(await read(options)).toBe(expected);
  });

  it('joins lines that the runtime has split', async () => {
    await writeFile(
      path,
      line(1, 'a', 'stdout', 'P') + line(1, 'b', 'stdout', 'P') + line(2, 'c') + line(3, 'd'),
    );
    expect(await read()).toBe('abc\nd\n');
    expect(await read({ timestamps: true })).toBe(`${at(1)} abc\n${at(3)} d\n`);
  });

  it('keeps bytes as they are, and passes over what a power cut left', async () => {
    const binary = Buffer.concat([Buffer.from(`${at(1)} stdout F `), Buffer.from([0xff, 0, 0x0a])]);
    await writeFile(path, Buffer.concat([Buffer.from('\0\0\0\n'), binary, Buffer.from('2026-11-20T')]));
    expect(Buffer.from(await read(), 'utf8')).toEqual(
      Buffer.from(Buffer.from([0xff, 0, 0x0a]).toString('utf8')),
    );
  });

  it('finds the tail of a file of many chunks', async () => {
    const many = Array.from({ length: 20_000 }, (_, i) => line(i % 60, `line ${i}`)).join('');
    await writeFile(path, many);
    expect((await read()).split('\n').length).toBe(20_001);
    const tail = (await read({ tailLines: 5000 })).split('\n');
    expect([tail[0], tail.length]).toEqual(['line 15000', 5001]);
  });

  it('gives no more than the tail when more is written meanwhile', async () => {
    await writeFile(path, three);
    // Each chunk is read when it is asked for: what comes between is in the file by then.
    const long = line(4, 'x'.repeat(70_000));
    await writeFile(path, three + long);
    const source = { path, isRunning: () => true };
    const reading = readLogs(
      source,
      { timestamps: false, follow: false, tailLines: 2 },
      new AbortController().signal,
    );
    const first = await reading.next();
    expect(Buffer.from(first.value ?? '').toString()).toBe('three\n');
    await writeFile(path, line(5, 'late') + line(6, 'later'), { flag: 'a' });
    let rest = '';
    for await (const part of reading) rest += Buffer.from(part);
    expect(rest).toBe(`${'x'.repeat(70_000)}\n`);
  });

  it('follows over a rotation until the container has ended', async () => {
    await writeFile(path, line(1, 'one'));
    let running = true;
    let text = '';
    const reading = (async () => {
      const options = { follow: true, timestamps: false };
      const source = { path, isRunning: () => running };
      for await (const part of readLogs(source, options, new AbortController().signal))
        text += Buffer.from(part);
    })();
    const until = (expected: string) => expect.poll(() => text, { interval: 10 }).toBe(expected);
    await until('one\n');
    await appendFile(path, line(2, 'two').slice(0, 20));
    await appendFile(path, line(2, 'two').slice(20));
    await until('one\ntwo\n');
    await rename(path, `${path}.old`);
    await appendFile(`${path}.old`, line(3, 'late'));
    await writeFile(path, line(4, 'new'));
    await until('one\ntwo\nlate\nnew\n');
    await appendFile(path, line(5, 'last'));
    running = false;
    await reading;
    expect(text).toBe('one\ntwo\nlate\nnew\nlast\n');
  });

  it('ends with its signal', async () => {
    await writeFile(path, line(1, 'one'));
    const abort = new AbortController();
    const reading = (async () => {
      const source = { path, isRunning: () => true };
      for await (const _ of readLogs(source, { follow: true, timestamps: false }, abort.signal));
    })();
    setTimeout(() => abort.abort(), 50);
    await reading;
  });
});

it('options come from the query', () => {
  const query = new Map(
    Object.entries({ follow: 'true', tailLines: '5', sinceSeconds: '60', limitBytes: '10' }),
  );
  expect(parseLogOptions(query, 100_000)).toMatchObject({
    follow: true,
    timestamps: false,
    tailLines: 5,
    sinceMs: 40_000,
    limitBytes: 10,
  });
});

describe('LogRotator', () => {
  it('keeps so many files, all but two compressed', async () => {
    const clock = new FakeClock();
    const runtime = new FakeRuntime({ clock, images: ['i'] });
    runtime.reopenLog = async () => writeFile(path, '');
    const limits = { maxBytes: 10, maxFiles: 4 };
    const rotator = new LogRotator({ runtime, clock, log: silent, limits });
    await writeFile(path, 'small');
    expect(await rotator.rotate({ containerId: 'c', path })).toBe(false);
    for (let i = 0; i < 6; i++) {
      await writeFile(path, `${i}`.repeat(20));
      expect(await rotator.rotate({ containerId: 'c', path })).toBe(true);
      await clock.advance(1000);
    }
    expect(await readdir(root)).toEqual([
      '0.log',
      '0.log.20260101-000003.gz',
      '0.log.20260101-000004.gz',
      '0.log.20260101-000005',
    ]);
  });

  it('puts the file back when the runtime does not open a new one', async () => {
    const clock = new FakeClock();
    const rotator = new LogRotator({
      runtime: new FakeRuntime({ clock }),
      clock,
      log: silent,
      limits: { maxBytes: 1, maxFiles: 2 },
    });
    await writeFile(path, 'text');
    await expect(rotator.rotate({ containerId: 'gone', path })).rejects.toThrow('not found');
    expect(await readFile(path, 'utf8')).toBe('text');
    expect(await readdir(root)).toEqual(['0.log']);
  });
});
