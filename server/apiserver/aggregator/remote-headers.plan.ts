type Headers = Readonly<Record<string, string | string[]>>;

/** Who asks, as an aggregated server is told. */
export interface RemoteUser {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/**
 * The headers by which an aggregated server knows the user, whatever of them the client has sent. Rule:
 * `SetAuthProxyHeaders` of client-go `transport`.
 */
export function withRemoteUser(
  headers: Headers,
  { name, uid, groups, extra }: RemoteUser,
): Record<string, string | string[]> {
  const kept = Object.entries(headers).filter(([header]) => !header.startsWith('x-remote-'));
  return {
    ...Object.fromEntries(kept),
    'x-remote-user': headerText(name),
    ...(uid ? { 'x-remote-uid': headerText(uid) } : {}),
    ...(groups.length > 0 ? { 'x-remote-group': groups.map(headerText) } : {}),
    ...Object.fromEntries(
      Object.entries(extra ?? {}).map(([key, values]) => [
        `x-remote-extra-${escapeKey(key)}`,
        values.map(headerText),
      ]),
    ),
  };
}

/** The bytes of UTF-8, as Go sends them: a header holds no other characters. Line ends would begin another header. */
const headerText = (text: string): string =>
  encodeURIComponent(text.toWellFormed())
    .replace(/%0[0AD]/g, ' ')
    .replace(/%([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

/** What is no character of a header's name is percent-encoded, `%` too. */
const escapeKey = (key: string): string =>
  encodeURIComponent(key.toLowerCase()).replace(
    /[()]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
