import { type Duplex, pipeline, Readable } from 'node:stream';
import { createDeflateRaw, createGunzip, createGzip, createInflateRaw } from 'node:zlib';
import { HtmlRewriter } from '#server/apiserver/proxy/links.plan.ts';

/** An HTML body with its links rewritten, in the encoding that it came in; undefined for an encoding that nobody here reads. */
export function rewriteHtmlBody(
  body: AsyncIterable<Uint8Array>,
  encoding: string,
  rewrite: (link: string) => string,
): AsyncIterable<Uint8Array> | undefined {
  const rewritten = (plain: AsyncIterable<Uint8Array>) => rewriteText(plain, rewrite);
  const through = (decode: Duplex, encode: Duplex): AsyncIterable<Uint8Array> => {
    // What breaks on the way breaks the last stream, and is told by it.
    pipeline(Readable.from(body, { objectMode: false }), decode, rewritten, encode, () => {});
    return encode;
  };
  switch (encoding) {
    case '':
    case 'identity':
      return rewritten(body);
    case 'gzip':
      return through(createGunzip(), createGzip());
    case 'deflate':
      return through(createInflateRaw(), createDeflateRaw());
    default:
      return undefined;
  }
}

async function* rewriteText(
  body: AsyncIterable<Uint8Array>,
  rewrite: (link: string) => string,
): AsyncGenerator<Uint8Array> {
  const rewriter = new HtmlRewriter(rewrite);
  // A character a byte: whatever the page is written in, what is no link goes through unchanged.
  for await (const chunk of body) {
    const text = rewriter.push(Buffer.from(chunk).toString('latin1'));
    if (text !== '') yield Buffer.from(text, 'latin1');
  }
  const rest = rewriter.push('', true);
  if (rest !== '') yield Buffer.from(rest, 'latin1');
}
