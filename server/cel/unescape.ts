const SIMPLE: ReadonlyMap<string, string> = new Map([
  ['a', '\x07'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
]);

/** The text of a string literal without its quotes and escapes, or why it has none. */
export function unescapeString(literal: string): { readonly text: string } | { readonly problem: string } {
  const { body, isRaw } = unquote(literal);
  if (isRaw) return { text: body };
  let problem: string | undefined;
  const text = body.replace(
    /\\(?:[xX](..)|u(.{4})|U(.{8})|([0-3][0-7]{2})|([\s\S]))/g,
    (_, x, u, long, octal, char) => {
      if (char !== undefined) return SIMPLE.get(char) ?? char;
      const code = octal === undefined ? Number.parseInt(x ?? u ?? long, 16) : Number.parseInt(octal, 8);
      if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
        problem = 'invalid unicode code point';
        return '';
      }
      return String.fromCodePoint(code);
    },
  );
  return problem === undefined ? { text } : { problem };
}

/** The bytes of a bytes literal (without its `b`): `\x` and octal escapes are bytes, all else is UTF-8. */
export function unescapeBytes(
  literal: string,
): { readonly bytes: Uint8Array } | { readonly problem: string } {
  const { body, isRaw } = unquote(literal);
  if (isRaw) return { bytes: new TextEncoder().encode(body) };
  if (/(?<!\\)(?:\\\\)*\\[uU]/.test(body)) return { problem: 'unable to unescape string' };
  const parts: Uint8Array[] = [];
  const encoder = new TextEncoder();
  let from = 0;
  for (const found of body.matchAll(/\\(?:[xX](..)|([0-3][0-7]{2})|([\s\S]))/g)) {
    parts.push(encoder.encode(body.slice(from, found.index)));
    const [whole, hex, octal, char] = found;
    if (char !== undefined) parts.push(encoder.encode(SIMPLE.get(char) ?? char));
    else
      parts.push(
        Uint8Array.of(hex === undefined ? Number.parseInt(octal ?? '', 8) : Number.parseInt(hex, 16)),
      );
    from = found.index + whole.length;
  }
  parts.push(encoder.encode(body.slice(from)));
  return { bytes: new Uint8Array(Buffer.concat(parts)) };
}

function unquote(literal: string): { readonly body: string; readonly isRaw: boolean } {
  const isRaw = /^[rR]/.test(literal);
  const quoted = (isRaw ? literal.slice(1) : literal).replace(/\r\n?/g, '\n');
  const quotes = /^("""|''')/.test(quoted) ? 3 : 1;
  return { body: quoted.slice(quotes, quoted.length - quotes), isRaw };
}
