/**
 * An HTTP/1 answer, read piece by piece as bytes come in (each a character of a latin1 string):
 *
 *   head ──blank line──> body (a length, or to the end) ──> done
 *    │ ^ 1xx                chunk size ⇄ chunk data
 *    └──> broken
 *
 * What is refused, and in which words, is as Go's client has it (RFC 9112 leniently): upstream's events show its errors. A
 * probe needs the status and, of the headers, what tells where the body ends and where a redirect leads.
 */

export interface HttpAnswer {
  readonly status: number;
  readonly location: string | undefined;
  /** At most {@link MAX_BODY} bytes of it. */
  readonly body: string;
}

interface Head {
  readonly status: number;
  readonly location: string | undefined;
  /** Of the body; undefined: it goes on until the connection ends. */
  readonly length: number | undefined;
  readonly chunked: boolean;
}

export type Reading =
  | { readonly at: 'head'; readonly text: string }
  | { readonly at: 'body'; readonly head: Head; readonly body: string }
  /** `rest`: what is not understood yet: a part of a size, or of the data of a chunk. */
  | { readonly at: 'chunk'; readonly head: Head; readonly body: string; readonly rest: string }
  | { readonly at: 'done'; readonly answer: HttpAnswer }
  /** `head`: there is no status. `body`: there is one, but the answer was not complete. */
  | { readonly at: 'broken'; readonly part: 'head' | 'body'; readonly why: string };

/** Of a body nobody needs more, as upstream has it. */
export const MAX_BODY = 10 * 1024;
/** Go takes 10 MiB; a board has better uses for them. Those of 1xx answers count, too. */
const MAX_HEAD = 64 * 1024;
const MAX_CHUNK_LINE = 4096;

export const START: Reading = { at: 'head', text: '' };

/** What is known after some more bytes. */
export function readMore(reading: Reading, bytes: string): Reading {
  switch (reading.at) {
    case 'head':
      return readHead(reading.text + bytes, Math.max(0, reading.text.length - 3));
    case 'body':
      return readBody(reading.head, reading.body + bytes);
    case 'chunk':
      return readChunks(reading.head, reading.body, reading.rest + bytes);
    default:
      return reading;
  }
}

/** What is known when the other side has closed the connection. */
export function readEnd(reading: Reading): Reading {
  switch (reading.at) {
    case 'head': {
      if (reading.text === '') return broken('head', 'EOF');
      // A line may end with the connection.
      const problem = reading.text.includes('\n') ? undefined : statusProblem(reading.text);
      return brokenConnection(problem ?? 'unexpected EOF');
    }
    case 'body':
      return reading.head.length === undefined
        ? done(reading.head, reading.body)
        : broken('body', 'unexpected EOF');
    case 'chunk':
      return broken('body', 'unexpected EOF');
    default:
      return reading;
  }
}

const broken = (part: 'head' | 'body', why: string): Reading => ({ at: 'broken', part, why });
const brokenConnection = (why: string): Reading =>
  broken('head', `net/http: HTTP/1.x transport connection broken: ${why}`);

const done = ({ status, location }: Head, body: string): Reading => ({
  at: 'done',
  answer: { status, location, body },
});

function readHead(text: string, unseen: number): Reading {
  const lineEnd = text.indexOf('\n');
  if (lineEnd < 0) return text.length > MAX_HEAD ? tooLong() : { at: 'head', text };
  const line = text.slice(0, text[lineEnd - 1] === '\r' ? lineEnd - 1 : lineEnd);
  const problem = statusProblem(line);
  if (problem) return brokenConnection(problem);
  const end = blankLine(text, Math.max(unseen, lineEnd));
  if (!end) return text.length > MAX_HEAD ? tooLong() : { at: 'head', text };
  const head = parseHead(line, text.slice(lineEnd + 1, end.at));
  if (typeof head === 'string') return brokenConnection(head);
  const rest = text.slice(end.next);
  const { status } = head;
  // Hints: the answer is still to come. With 101 it does not come in HTTP.
  if (status >= 100 && status < 200 && status !== 101) return readHead(rest, 0);
  if (status === 101 || status === 204 || status === 304) return done(head, '');
  return head.chunked ? readChunks(head, '', rest) : readBody(head, rest);
}

const tooLong = (): Reading =>
  broken('head', `net/http: server response headers exceeded ${MAX_HEAD} bytes; aborted`);

/** Where the last header ends, and where the body begins. */
function blankLine(text: string, from: number): { readonly at: number; readonly next: number } | undefined {
  for (let at = text.indexOf('\n', from); at >= 0; at = text.indexOf('\n', at + 1)) {
    if (text[at + 1] === '\n') return { at: at + 1, next: at + 2 };
    if (text[at + 1] === '\r' && text[at + 2] === '\n') return { at: at + 1, next: at + 3 };
  }
  return undefined;
}

const STATUS_LINE = /^HTTP\/\d\.\d +\d{3}(?: |$)/;

function statusProblem(line: string): string | undefined {
  if (STATUS_LINE.test(line)) return undefined;
  const space = line.indexOf(' ');
  if (space < 0) return `malformed HTTP response ${quoted(line)}`;
  const code = /^ *([^ ]*)/.exec(line.slice(space))?.[1] ?? '';
  return /^\d{3}$/.test(code)
    ? `malformed HTTP version ${quoted(line.slice(0, space))}`
    : `malformed HTTP status code ${quoted(code)}`;
}

/** RFC 9110, 5.6.2: what a name may consist of. */
const NAME = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;

/** The words of an error for what Go's client refuses. */
function parseHead(statusLine: string, lines: string): Head | string {
  const status = Number(/ +(\d{3})/.exec(statusLine)?.[1]);
  let location: string | undefined;
  let coding: string | undefined;
  const lengths: string[] = [];
  // A line that begins with a space goes on with the one before it.
  for (const line of lines === '' ? [] : unfolded(lines).split('\n')) {
    const text = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (text === '') continue;
    const colon = text.indexOf(':');
    if (colon < 0) return `malformed MIME header: missing colon: ${quoted(text)}`;
    const name = text.slice(0, colon);
    if (!NAME.test(name)) return `malformed MIME header line: ${quoted(text)}`;
    const value = text.slice(colon + 1).trim();
    switch (name.toLowerCase()) {
      case 'location':
        location ??= value;
        break;
      case 'content-length':
        lengths.push(value);
        break;
      case 'transfer-encoding':
        if (coding !== undefined) return 'too many transfer encodings';
        coding = value;
        break;
    }
  }
  const isOld = statusLine.startsWith('HTTP/1.0') || statusLine.startsWith('HTTP/0');
  const chunked = coding !== undefined && !isOld;
  if (chunked && coding?.toLowerCase() !== 'chunked')
    return `unsupported transfer encoding: ${quoted(coding ?? '')}`;
  const [length] = lengths;
  if (length === undefined || chunked) return { status, location, length: undefined, chunked };
  if (lengths.some((other) => other !== length))
    return `http: message cannot contain multiple Content-Length headers; got [${lengths.map(quoted).join(' ')}]`;
  if (!/^\d{1,15}$/.test(length)) return `bad Content-Length ${quoted(length)}`;
  return { status, location, length: Number(length), chunked };
}

const unfolded = (lines: string): string =>
  /\n[ \t]/.test(lines) ? lines.replace(/\r?\n[ \t]+/g, ' ') : lines;

function readBody(head: Head, body: string): Reading {
  const needed = Math.min(head.length ?? MAX_BODY, MAX_BODY);
  return body.length >= needed ? done(head, body.slice(0, needed)) : { at: 'body', head, body };
}

/** RFC 9112, 7.1. What comes after the last chunk changes nothing. */
function readChunks(head: Head, before: string, bytes: string): Reading {
  let body = before;
  let rest = bytes;
  for (;;) {
    if (body.length >= MAX_BODY) return done(head, body.slice(0, MAX_BODY));
    const lineEnd = rest.indexOf('\n');
    if (lineEnd < 0)
      return rest.length > MAX_CHUNK_LINE
        ? broken('body', 'header line too long')
        : { at: 'chunk', head, body, rest };
    const digits = /^([^;\s]*)/.exec(rest.slice(0, lineEnd))?.[1] ?? '';
    if (digits === '') return broken('body', 'empty hex number for chunk length');
    if (!/^[\da-f]+$/i.test(digits)) return broken('body', 'invalid byte in chunk length');
    if (digits.length > 12) return broken('body', 'http chunk length too large');
    const size = Number.parseInt(digits, 16);
    if (size === 0) return done(head, body);
    const data = rest.slice(lineEnd + 1, lineEnd + 1 + size);
    if (body.length + data.length >= MAX_BODY) return done(head, (body + data).slice(0, MAX_BODY));
    const after = rest.slice(lineEnd + 1 + size);
    if (data.length < size || after === '' || after === '\r') return { at: 'chunk', head, body, rest };
    if (!/^\r?\n/.test(after)) return broken('body', 'malformed chunked encoding');
    body += data;
    rest = after.slice(after.indexOf('\n') + 1);
  }
}

/** As Go's `%q` shows bytes; what is long is cut, for it goes into an event. */
function quoted(text: string): string {
  const shown = text.length > 200 ? text.slice(0, 200) : text;
  return `"${shown.replace(/["\\]|[^ -~]/g, (c) => ESCAPES[c] ?? (/["\\]/.test(c) ? `\\${c}` : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`))}"`;
}
const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
