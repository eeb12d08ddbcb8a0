import type { Library } from '#server/cel/functions.ts';
import { reads } from '#server/cel/library/costs.ts';
import { CelOpaque, Fault, ValueList, ValueMap } from '#server/cel/value.ts';

/** URLs as Go's `net/url` reads the request of a client: absolute ones, or a path. Rule: apiserver `pkg/cel/library/urls.go`. */
interface UrlParts {
  readonly scheme: string;
  readonly host: string;
  /** As written; Go escapes it again only where it is not escaped well. */
  readonly path: string;
  readonly query: string;
}

class CelUrl extends CelOpaque {
  readonly typeName = 'kubernetes.URL';
  readonly text: string;
  readonly parts: UrlParts;

  constructor(text: string, parts: UrlParts) {
    super();
    this.text = text;
    this.parts = parts;
  }

  equals(other: CelOpaque): boolean {
    return other instanceof CelUrl && other.text === this.text;
  }
}

const FORM = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#[\s\S]*)?$/;
const HOST =
  /^(?:[^@]*@)?((?:\[[0-9A-Fa-f:.%]+\]|(?:[^\p{Cc} :[\]%<>"\\^`{|}]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?)$/u;

/** The parts, or why it is no URL of a request. */
export function parseRequestUri(text: string): UrlParts | string {
  const failed = (why: string): string => `parse ${JSON.stringify(text)}: ${why}`;
  if (text === '') return failed('empty url');
  if (/\p{Cc}/u.test(text)) return failed('net/url: invalid control character in URL');
  const [, scheme = '', authority, path = '', query = ''] = FORM.exec(text) ?? [];
  if (scheme === '' && /^:/.test(text)) return failed('missing protocol scheme');
  if (scheme === '' && !text.startsWith('/')) return failed('invalid URI for request');
  if (scheme !== '' && authority === undefined && !path.startsWith('/') && path === '')
    return failed('invalid URI for request');
  const badEscape = /%(?![0-9A-Fa-f]{2})[\s\S]{0,2}/.exec(path);
  if (badEscape) return failed(`invalid URL escape ${JSON.stringify(badEscape[0])}`);
  const host = HOST.exec(authority ?? '');
  if (!host) return failed(hostProblem(authority ?? ''));
  return { scheme: scheme.toLowerCase(), host: host[1] ?? '', path, query };
}

function hostProblem(authority: string): string {
  const port = /:([^:\]]*)$/.exec(authority)?.[1];
  if (port !== undefined && !/^[0-9]*$/.test(port))
    return `invalid port ${JSON.stringify(`:${port}`)} after host`;
  const wrong = /[\p{Cc} <>"\\^`{|}]/u.exec(authority)?.[0];
  return `invalid character ${JSON.stringify(wrong ?? '')} in host name`;
}

function parse(text: string): CelUrl | Fault {
  const parts = parseRequestUri(text);
  return typeof parts === 'string'
    ? new Fault(`URL parse error during conversion from string: ${parts}`)
    : new CelUrl(text, parts);
}

const hostname = ({ host }: UrlParts): string => host.replace(/:[0-9]*$/, '').replace(/^\[(.*)\]$/, '$1');
const port = ({ host }: UrlParts): string => /:([0-9]*)$/.exec(host)?.[1] ?? '';

/** What Go would write for a path with characters that a path should not have. */
const escapedPath = ({ path }: UrlParts): string =>
  path.replace(/[^A-Za-z0-9\-_.~!$&'()*+,;=:@/%[\]]+/g, (part) => encodeURIComponent(part));

function queryOf({ query }: UrlParts): ValueMap {
  const values = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(query)) {
    const known = values.get(name);
    if (known) known.push(value);
    else values.set(name, [value]);
  }
  return ValueMap.of([...values].map(([name, list]) => [name, new ValueList(list)] as const));
}

const part =
  <T>(read: (parts: UrlParts) => T) =>
  ({ parts }: CelUrl): T =>
    read(parts);

export const urls: Library = {
  url: [['(string) kubernetes.URL', parse, reads()]],
  isURL: [['(string) bool', (text: string) => typeof parseRequestUri(text) !== 'string']],
  getScheme: [['kubernetes.URL.() string', part(({ scheme }) => scheme)]],
  getHost: [['kubernetes.URL.() string', part(({ host }) => host)]],
  getHostname: [['kubernetes.URL.() string', part(hostname)]],
  getPort: [['kubernetes.URL.() string', part(port)]],
  getEscapedPath: [['kubernetes.URL.() string', part(escapedPath)]],
  getQuery: [['kubernetes.URL.() map<string,list<string>>', part(queryOf)]],
};
