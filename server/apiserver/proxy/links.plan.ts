/** Where a page came from, and where it is seen. */
export interface PageOrigin {
  /** `host:port` of the backend. */
  readonly backend: string;
  /** The Host header of the client's request. */
  readonly requested: string;
  /** The path of this server that stands for the backend's root: `/api/v1/…/proxy`. */
  readonly prefix: string;
}

const PARTS = /^(?:([^:/?#]+):)?(?:\/\/([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?$/s;

/**
 * A link of the backend's page, or its Location header, made to lead through this server. Links to other hosts and relative
 * ones stay. Rule: `Transport.rewriteURL` of apimachinery `pkg/util/proxy`.
 */
export function rewriteLink(link: string, { backend, requested, prefix }: PageOrigin): string {
  const [, , host = '', path = '', query = '', fragment = ''] = PARTS.exec(link) ?? [];
  const isElsewhere = host !== '' && host !== backend && host !== requested;
  if (isElsewhere || !path.startsWith('/')) return link;
  const own = path.startsWith(prefix) ? path : joinPath(prefix, path);
  return `${own}${query}${fragment}`;
}

/** Joins with one slash, without `.`, `..` and doubled slashes; a slash at the end stays. */
export function joinPath(prefix: string, path: string): string {
  const parts: string[] = [];
  for (const part of `${prefix}/${path}`.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}${path.endsWith('/') && parts.length > 0 ? '/' : ''}`;
}

/** A decoded path as it goes on the wire. */
export const encodePath = (path: string): string =>
  encodeURI(path).replace(/[?#]/g, (char) => (char === '?' ? '%3F' : '%23'));

/** Attributes that hold a URL. Rule: `atomsToAttrs` of apimachinery `pkg/util/proxy`. */
const URL_ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
};

/** What follows these is text up to their end tag. */
const RAW_TEXT = [
  'iframe',
  'noembed',
  'noframes',
  'plaintext',
  'script',
  'style',
  'textarea',
  'title',
  'xmp',
];

const COMMENT_END = /-->/;
const LONGEST_END = '</plaintext'.length;

/** What is longer without being a whole tag goes through as it is. */
const MAX_TAG = 16 * 1024;

// Where the name ends is settled before the rest is looked at: what is no tag is found out in one pass.
const START_TAG = /^<([a-z][^\s/>]*)(?=[\s/>])((?:[^>"']|"[^"]*"|'[^']*')*)>/i;
const ATTRIBUTE = /([^\s=/"'>]+)(\s*=\s*)("([^"]*)"|'([^']*)'|[^\s"'>]+)/g;

/** Rewrites links of an HTML text that comes in pieces, a character a byte. */
export class HtmlRewriter {
  readonly #rewrite: (link: string) => string;
  #rest = '';
  /** What ends the raw text or comment that we are in. */
  #until: RegExp | undefined;

  constructor(rewrite: (link: string) => string) {
    this.#rewrite = rewrite;
  }

  /** The next piece, as far as it can be told what it is. */
  push(piece: string, isLast = false): string {
    let text = this.#rest + piece;
    this.#rest = '';
    let out = '';
    for (;;) {
      const step = this.#step(text, isLast);
      if (step === undefined) break;
      out += step.out;
      text = text.slice(step.length);
    }
    if (isLast || text.length > MAX_TAG) return out + text;
    this.#rest = text;
    return out;
  }

  /** One token; undefined where more text is needed to know what it is. */
  #step(text: string, isLast: boolean): { readonly out: string; readonly length: number } | undefined {
    if (text === '') return undefined;
    if (this.#until !== undefined) {
      const end = text.search(this.#until);
      if (end < 0) {
        const sure = isLast ? text.length : Math.max(text.length - LONGEST_END, 0);
        return sure > 0 ? verbatim(text, sure) : undefined;
      }
      // An end tag follows as a token of its own; a comment is over with its end.
      const length = this.#until === COMMENT_END ? end + 3 : end;
      this.#until = undefined;
      if (length > 0) return verbatim(text, length);
    }
    const open = text.indexOf('<');
    if (open < 0) return verbatim(text, text.length);
    if (open > 0) return verbatim(text, open);
    if (text.startsWith('<!--')) {
      this.#until = COMMENT_END;
      return verbatim(text, 4);
    }
    if (!/^<([a-z!/]|$)/i.test(text)) return verbatim(text, 1);
    const tag = START_TAG.exec(text);
    if (tag) return this.#startTag(tag);
    const close = text.indexOf('>');
    if (/^<[a-z]/i.test(text) || close < 0)
      return isLast || text.length > MAX_TAG ? verbatim(text, text.length) : undefined;
    return verbatim(text, close + 1);
  }

  #startTag([whole, name = '', attributes = '']: RegExpExecArray): { out: string; length: number } {
    const tag = name.toLowerCase();
    if (RAW_TEXT.includes(tag)) this.#until = new RegExp(`</${tag}`, 'i');
    const urls = URL_ATTRIBUTES[tag];
    const length = whole.length;
    if (!urls) return { out: whole, length };
    const rewritten = attributes.replace(
      ATTRIBUTE,
      (all: string, key: string, equals: string, value: string, double?: string, single?: string) => {
        if (!urls.includes(key.toLowerCase())) return all;
        const link = double ?? single ?? value;
        return `${key}${equals}"${this.#rewrite(link)}"`;
      },
    );
    return { out: `<${name}${rewritten}>`, length };
  }
}

const verbatim = (text: string, length: number): { out: string; length: number } => ({
  out: text.slice(0, length),
  length,
});
