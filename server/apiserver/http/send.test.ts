import { Writable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { JSON_TYPE, type PartsAnswer } from '#server/apiserver/http/exchange.ts';
import { type Outgoing, sendAnswer } from '#server/apiserver/http/send.ts';
import { WatchBudget } from '#server/apiserver/http/watch-budget.ts';

class Response extends Writable {
  code = 0;
  headers: Record<string, unknown> = {};
  readonly written: Buffer[] = [];

  writeHead(code: number, headers: Record<string, unknown>): void {
    this.code = code;
    this.headers = headers;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk);
    setImmediate(done);
  }

  get body(): Buffer {
    return Buffer.concat(this.written);
  }
}

async function sent(
  parts: readonly Uint8Array[],
  acceptEncoding?: string,
  isHead = false,
): Promise<Response> {
  const out = new Response();
  const answer: PartsAnswer = { kind: 'parts', code: 200, contentType: JSON_TYPE, parts };
  const closed = new Promise((resolve) => out.once('close', resolve));
  await sendAnswer(out as unknown as Outgoing, answer, acceptEncoding, new WatchBudget(), isHead);
  await closed;
  return out;
}

/** A megabyte and a half in unequal parts. */
const LONG = Array.from({ length: 3_000 }, (_, i) => Buffer.from(`${i},`.repeat(100)));
const whole = Buffer.concat(LONG);

it('writes a short list at once', async () => {
  const { code, headers, body, written } = await sent([Buffer.from('['), Buffer.from(']')]);
  expect([code, headers['content-length'], body.toString(), written.length]).toEqual([200, '2', '[]', 1]);
});

it('writes a long one in pieces, and says how long it is', async () => {
  const { headers, body, written } = await sent(LONG);
  expect(headers).toMatchObject({ 'content-type': JSON_TYPE, 'content-length': String(whole.length) });
  expect(body.equals(whole)).toBe(true);
  expect(written.length).toBeGreaterThan(1);
});

it('packs it on the way for who takes gzip', async () => {
  const { headers, body } = await sent(LONG, 'deflate, gzip');
  expect(headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
  expect(headers).not.toHaveProperty('content-length');
  expect(gunzipSync(body).equals(whole)).toBe(true);
});

it('says nothing but the length to HEAD', async () => {
  const { headers, body } = await sent(LONG, undefined, true);
  expect([headers['content-length'], body.length]).toEqual([String(whole.length), 0]);
});
