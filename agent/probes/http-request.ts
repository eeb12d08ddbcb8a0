/** The request of an HTTP probe as upstream's Go client writes it: made once, sent each time. */
import { bareHost, hostPort } from '#proto/net/host-port.ts';
import type { HTTPGetAction } from '#proto/schema/generated/core-v1.ts';
import { KUBERNETES_MINOR } from '#proto/version.ts';

export interface HttpTarget {
  readonly scheme: 'HTTP' | 'HTTPS';
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly headers: readonly HttpHeader[];
  readonly userAgent: string;
}

export interface HttpHeader {
  readonly name: string;
  readonly value: string;
}

export interface HttpRequest {
  readonly url: URL;
  /** The URL as messages show it: with the port, be it the usual one. */
  readonly shown: string;
  readonly isTls: boolean;
  /** To be dialled: an address without brackets, or a name. */
  readonly host: string;
  readonly port: number;
  readonly headers: readonly HttpHeader[];
  /** Undefined: what the person asked for is no request. `problem` says why. */
  readonly bytes: Buffer | undefined;
  readonly problem: string;
}

/** What a probe or a hook asks for, at a port that is known by number. */
export const targetOf = (
  { host, scheme, path, httpHeaders }: HTTPGetAction,
  { podIp, port, purpose }: { readonly podIp: string; readonly port: number; readonly purpose: Purpose },
): HttpTarget => ({
  scheme: scheme === 'HTTPS' ? 'HTTPS' : 'HTTP',
  host: host || podIp,
  port,
  path: path ?? '/',
  headers: httpHeaders ?? [],
  userAgent: userAgent(purpose),
});

type Purpose = 'probe' | 'lifecycle';

/** Who asks: `kube-probe/1.36`. */
export const userAgent = (purpose: Purpose): string => `kube-${purpose}/1.${KUBERNETES_MINOR}`;

const TOKEN = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/;
/** The client's own business. */
const NOT_SENT = new Set(['host', 'content-length', 'transfer-encoding', 'trailer']);

/** Throws where no URL can be made of it. */
export function firstRequest({ scheme, host, port, path, headers, userAgent }: HttpTarget): HttpRequest {
  const authority = hostPort(host, port);
  const url = new URL(`${scheme.toLowerCase()}://${authority}${path.startsWith('/') ? path : `/${path}`}`);
  const agent = headers.some(({ name }) => isHeader(name, 'user-agent'))
    ? []
    : [{ name: 'User-Agent', value: userAgent }];
  return requestOf(url, authority, [...agent, ...headers]);
}

/**
 * The next request where an answer sends the client on: on the same host alone, as upstream's prober has it, with any port and
 * scheme. Undefined: there is none. Throws where the address is none.
 */
export function redirected(from: HttpRequest, status: number, location: string): HttpRequest | undefined {
  if (![301, 302, 303, 307, 308].includes(status) || location === '') return undefined;
  const url = new URL(location, from.url);
  if (url.hostname !== from.url.hostname) return undefined;
  // Another name to be asked for holds only as long as the address is not told in full.
  const isAbsolute = URL.canParse(location);
  const headers = from.headers.filter(
    ({ name }) => !isHeader(name, 'referer') && !(isAbsolute && isHeader(name, 'host')),
  );
  const isDowngrade = from.isTls && url.protocol === 'http:';
  const referer = isDowngrade ? [] : [{ name: 'Referer', value: from.shown }];
  const isHere = url.host === from.url.host;
  return requestOf(url, isHere ? hostPort(from.host, from.port) : url.host, [...headers, ...referer]);
}

const isHeader = (name: string, known: string): boolean => name.toLowerCase() === known;

function requestOf(url: URL, authority: string, headers: readonly HttpHeader[]): HttpRequest {
  const isTls = url.protocol === 'https:';
  const path = `${url.pathname}${url.search}`;
  const problem =
    isTls || url.protocol === 'http:'
      ? headerProblem(headers)
      : `unsupported protocol scheme "${url.protocol.slice(0, -1)}"`;
  return {
    url,
    shown: `${url.protocol}//${authority}${path}`,
    isTls,
    host: bareHost(url.hostname),
    port: Number(url.port) || (isTls ? 443 : 80),
    headers,
    bytes: problem === '' ? Buffer.from(textOf(path, authority, headers)) : undefined,
    problem,
  };
}

function headerProblem(headers: readonly HttpHeader[]): string {
  for (const { name, value } of headers) {
    if (!TOKEN.test(name)) return `net/http: invalid header field name ${JSON.stringify(name)}`;
    if (CONTROL.test(value)) return `net/http: invalid header field value for ${JSON.stringify(name)}`;
  }
  return '';
}

function textOf(path: string, authority: string, headers: readonly HttpHeader[]): string {
  const first = (known: string) => headers.find(({ name }) => isHeader(name, known))?.value.trim();
  const connection = first('connection')?.toLowerCase();
  const lines = [`GET ${path} HTTP/1.1`, `Host: ${first('host') || authority}`];
  if (first('accept') === undefined) lines.push('Accept: */*');
  for (const { name, value } of headers) {
    // An empty one of these takes it away.
    const isAway = value.trim() === '' && (isHeader(name, 'accept') || isHeader(name, 'user-agent'));
    if (isAway || NOT_SENT.has(name.toLowerCase())) continue;
    lines.push(`${name}: ${value.trim()}`);
  }
  if (!(connection === 'close' || (connection === 'upgrade' && first('upgrade'))))
    lines.push('Connection: close');
  return `${lines.join('\r\n')}\r\n\r\n`;
}
