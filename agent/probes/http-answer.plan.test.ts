import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_BODY, type Reading, readEnd, readMore, START } from './http-answer.plan.ts';

/** What is known after these pieces; with `end`, after the connection has ended too. */
function read(pieces: readonly string[], end = false): Reading {
  const reading = pieces.reduce(readMore, START);
  return end ? readEnd(reading) : reading;
}

const head = (...lines: string[]): string => ['HTTP/1.1 200 OK', ...lines, '', ''].join('\r\n');

describe('an HTTP answer', () => {
  const done = (status: number, body = '', location?: string) => ({
    at: 'done',
    answer: { status, location, body },
  });
  it.each<[string, string[], boolean, object]>([
    ['with a length', [`${head('Content-Length: 2')}ok`], false, done(200, 'ok')],
    [
      'is done before the connection ends',
      [`${head('Content-Length: 2')}ok, and more`],
      false,
      done(200, 'ok'),
    ],
    ['to the end of the connection', [`${head()}ok`], true, done(200, 'ok')],
    ['without a body', [head('Content-Length: 0')], false, done(200)],
    ['of HTTP/1.0', ['HTTP/1.0 200 OK\r\n\r\nok'], true, done(200, 'ok')],
    ['without a phrase', ['HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n'], false, done(200)],
    ['with an empty phrase', ['HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n'], false, done(200)],
    ['with bare line feeds', ['HTTP/1.1 404 Not Found\nContent-Length: 2\n\nno'], false, done(404, 'no')],
    ['without headers', ['HTTP/1.1 204 No Content\r\n\r\n'], false, done(204)],
    ['304 has no body, whatever it says', ['HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n'], false, done(304)],
    [
      'after hints',
      [
        'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n',
        'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n',
      ],
      false,
      done(500),
    ],
    ['that leaves HTTP', ['HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n\0\0'], false, done(101)],
    [
      'that leads elsewhere',
      ['HTTP/1.1 302 Found\r\nlocation:  /b \r\nContent-Length: 0\r\n\r\n'],
      false,
      done(302, '', '/b'),
    ],
    ['with a folded header', [`${head('X-A: a', '\tb', 'Content-Length: 1')}z`], false, done(200, 'z')],
    [
      'with a length said twice',
      [`${head('Content-Length: 1', 'content-length: 1')}z`],
      false,
      done(200, 'z'),
    ],
    [
      'in chunks',
      [head('Transfer-Encoding: chunked'), '2;x=y\r\nok\r\n', '1\r\n!\r\n0\r\n\r\n'],
      false,
      done(200, 'ok!'),
    ],
    [
      'in chunks, and the length is not believed',
      [head('Transfer-Encoding: Chunked', 'Content-Length: 99'), '1\r\na\r\n0\r\n'],
      false,
      done(200, 'a'),
    ],
    [
      'HTTP/1.0 knows no chunks',
      ['HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
      true,
      done(200, '0\r\n\r\n'),
    ],
    ['is cut', [head(), 'x'.repeat(MAX_BODY + 9)], false, done(200, 'x'.repeat(MAX_BODY))],
    [
      'is cut in a chunk',
      [head('Transfer-Encoding: chunked'), `fffff\r\n${'x'.repeat(MAX_BODY)}`],
      false,
      done(200, 'x'.repeat(MAX_BODY)),
    ],
  ])('%s', (_name, pieces, end, expected) => {
    expect(read(pieces, end)).toEqual(expected);
  });

  const BROKEN = 'net/http: HTTP/1.x transport connection broken: ';
  it.each<[string, string[], boolean, string]>([
    ['nothing at all', [], true, 'EOF'],
    ['the end amid the headers', ['HTTP/1.1 200 OK\r\nContent-Len'], true, `${BROKEN}unexpected EOF`],
    ['the end after hints', ['HTTP/1.1 100 Continue\r\n\r\n'], true, 'EOF'],
    [
      'another protocol',
      ['SSH-2.0-OpenSSH_9.2\r\n'],
      false,
      `${BROKEN}malformed HTTP response "SSH-2.0-OpenSSH_9.2"`,
    ],
    [
      'an alert of TLS',
      ['\x15\x03\x01\0\x02\x02F'],
      true,
      `${BROKEN}malformed HTTP response "\\x15\\x03\\x01\\x00\\x02\\x02F"`,
    ],
    ['another version', ['HTTP/x.1 200 OK\r\n'], false, `${BROKEN}malformed HTTP version "HTTP/x.1"`],
    ['a short code', ['HTTP/1.1 20 OK\r\n'], false, `${BROKEN}malformed HTTP status code "20"`],
    ['a long code', ['HTTP/1.1 2000\r\n'], false, `${BROKEN}malformed HTTP status code "2000"`],
    ['words for a code', ['HTTP/1.1 abc "d"\r\n'], false, `${BROKEN}malformed HTTP status code "abc"`],
    [
      'a header without a colon',
      [head('nonsense')],
      false,
      `${BROKEN}malformed MIME header: missing colon: "nonsense"`,
    ],
    [
      'a header with a space in its name',
      [head('a b: c')],
      false,
      `${BROKEN}malformed MIME header line: "a b: c"`,
    ],
    ['a length that is none', [head('Content-Length: -1')], false, `${BROKEN}bad Content-Length "-1"`],
    [
      'two lengths',
      [head('Content-Length: 1', 'Content-Length: 2')],
      false,
      `${BROKEN}http: message cannot contain multiple Content-Length headers; got ["1" "2"]`,
    ],
    [
      'a coding that is not known',
      [head('Transfer-Encoding: gzip')],
      false,
      `${BROKEN}unsupported transfer encoding: "gzip"`,
    ],
    [
      'headers without end',
      ['HTTP/1.1 200 OK\r\n', ...Array<string>(70).fill(`X: ${'y'.repeat(1000)}\r\n`)],
      false,
      'net/http: server response headers exceeded 65536 bytes; aborted',
    ],
    [
      'a line without end',
      Array<string>(70).fill('y'.repeat(1000)),
      false,
      'net/http: server response headers exceeded 65536 bytes; aborted',
    ],
  ])('has no status after %s', (_name, pieces, end, why) => {
    expect(read(pieces, end)).toEqual({ at: 'broken', part: 'head', why });
  });

  it.each<[string, string[], string]>([
    ['ends early', [`${head('Content-Length: 3')}ok`], 'unexpected EOF'],
    ['ends between chunks', [head('Transfer-Encoding: chunked'), '1\r\na\r\n'], 'unexpected EOF'],
    [
      'has chunks of no size',
      [head('Transfer-Encoding: chunked'), '\r\n'],
      'empty hex number for chunk length',
    ],
    [
      'has chunks of odd sizes',
      [head('Transfer-Encoding: chunked'), '-1\r\n'],
      'invalid byte in chunk length',
    ],
    [
      'has chunks of huge sizes',
      [head('Transfer-Encoding: chunked'), `${'f'.repeat(17)}\r\n`],
      'http chunk length too large',
    ],
    [
      'has chunks longer than they say',
      [head('Transfer-Encoding: chunked'), '1\r\nabc'],
      'malformed chunked encoding',
    ],
    [
      'has endless chunk sizes',
      [head('Transfer-Encoding: chunked'), '0'.repeat(5000)],
      'header line too long',
    ],
  ])('is not complete when its body %s', (_name, pieces, why) => {
    expect(read(pieces, true)).toEqual({ at: 'broken', part: 'body', why });
  });

  it('reads the same in whatever pieces it comes', () => {
    const answers = [
      `HTTP/1.1 100 x\r\n\r\n${head('Content-Length: 5', 'Location: /x')}hello, more`,
      `${head('Transfer-Encoding: chunked')}3\r\nabc\r\n10;e\r\n0123456789abcdef\r\n0\r\n\r\n`,
      `${head()}to the end`,
      head('Content-Length: x'),
    ];
    fc.assert(
      fc.property(fc.constantFrom(...answers), fc.array(fc.nat(200), { maxLength: 12 }), (answer, cuts) => {
        const at = [
          0,
          ...cuts.map((cut) => Math.min(cut, answer.length)).sort((a, b) => a - b),
          answer.length,
        ];
        const pieces = at.slice(1).map((to, i) => answer.slice(at[i], to));
        expect(read(pieces, true)).toEqual(read([answer], true));
      }),
      { seed: 5 },
    );
  });

  it('never throws, whatever comes', () => {
    const byte = fc.string({ unit: fc.constantFrom(...'HTP/1.0 2\r\n:;aF\0\xff\t') });
    fc.assert(
      fc.property(fc.array(byte), fc.boolean(), (pieces, isAfterHead) => {
        const { at } = read(isAfterHead ? [head('Transfer-Encoding: chunked'), ...pieces] : pieces, true);
        expect(['done', 'broken']).toContain(at);
      }),
      { seed: 7, numRuns: 500 },
    );
  });
});
