/** Headers of one message, lower-case names; several values where a header came more than once. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** They speak of one connection, and end with it. Rule: RFC 9110 §7.6.1, and Go's `httputil.ReverseProxy`. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  // Answered here.
  'expect',
]);

/** Who asks was settled here; a backend gets no credentials of it. */
const WITHHELD = new Set(['authorization']);

/** What browsers ask of this server, a backend can't allow. */
const CORS = new Set([
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
]);

export interface Forwarding {
  /** The client's address. */
  readonly from: string;
  /** The path that the client asked for, where links of the answer lead back here. */
  readonly uri?: string;
}

/** What goes on to the backend. `:authority` of HTTP/2 becomes the host. */
export function requestHeaders(
  headers: Headers,
  { from, uri }: Forwarding,
): Record<string, string | string[]> {
  const kept = without(headers, (name) => WITHHELD.has(name) || name.startsWith('impersonate-'));
  const host = headers['host'] ?? headers[':authority'];
  const chain = headers['x-forwarded-for'];
  return {
    ...kept,
    ...(typeof host === 'string' ? { host } : {}),
    'x-forwarded-for': [...[chain ?? []].flat(), from].join(', '),
    ...(uri === undefined ? {} : { 'x-forwarded-uri': uri }),
  };
}

/** What goes back to the client. */
export const responseHeaders = (headers: Headers): Record<string, string | string[]> =>
  without(headers, (name) => CORS.has(name));

function without(headers: Headers, isWithheld: (name: string) => boolean): Record<string, string | string[]> {
  const named = [headers['connection'] ?? []].flat().flatMap((value) => value.toLowerCase().split(/\s*,\s*/));
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(':') || HOP_BY_HOP.has(name)) continue;
    if (named.includes(name) || isWithheld(name)) continue;
    kept[name] = typeof value === 'string' ? value : [...value];
  }
  return kept;
}
