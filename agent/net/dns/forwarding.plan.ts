/**
 * Who is asked for names that are not the cluster's: the board's own servers, unless the ConfigMap `kube-system/kube-dns` says
 * otherwise. Its format is kube-dns', which people know: `stubDomains` and `upstreamNameservers`, both JSON.
 */
export interface Forwarding {
  /** Servers by domain, lower case; the longest that a name ends with counts. */
  readonly stubDomains: ReadonlyMap<string, readonly string[]>;
  /** In place of the board's own; undefined: those. */
  readonly upstream: readonly string[] | undefined;
  /** What of the ConfigMap is left out, and why. */
  readonly problems: readonly string[];
}

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

const DNS_PORT = 53;
const MAX_SERVERS = 3;

/** `10.0.0.1`, `10.0.0.1:5353`, `fd00::1`, `[fd00::1]:5353`; undefined where it is none. */
export function parseServer(text: string): ServerAddress | undefined {
  const match = /^(?:(\d+\.\d+\.\d+\.\d+)(?::(\d{1,5}))?|\[([\da-fA-F:.]+(?:%\w+)?)\](?::(\d{1,5}))?)$/.exec(
    text,
  );
  if (match) {
    const port = Number(match[2] ?? match[4] ?? DNS_PORT);
    return port > 0 && port < 65_536 ? { host: match[1] ?? match[3] ?? '', port } : undefined;
  }
  return /^[\da-fA-F:.]*:[\da-fA-F:.]*(%\w+)?$/.test(text) ? { host: text, port: DNS_PORT } : undefined;
}

/** Never throws: what can't be read is left out, with a word about it. */
export function parseForwarding(data: Readonly<Record<string, string>> | undefined): Forwarding {
  const problems: string[] = [];
  const json = (key: string): unknown => {
    const text = data?.[key];
    if (text === undefined || text.trim() === '') return undefined;
    try {
      return JSON.parse(text);
    } catch (err) {
      problems.push(`${key}: ${(err as Error).message}`);
      return undefined;
    }
  };
  const servers = (list: unknown, at: string): string[] => {
    if (!Array.isArray(list)) {
      problems.push(`${at}: not a list of addresses`);
      return [];
    }
    const good = list.filter(
      (one): one is string => typeof one === 'string' && parseServer(one) !== undefined,
    );
    if (good.length < list.length) problems.push(`${at}: only addresses, IP or IP:PORT`);
    return good.slice(0, MAX_SERVERS);
  };
  const stubDomains = new Map<string, readonly string[]>();
  const stubs = json('stubDomains');
  if (typeof stubs === 'object' && stubs !== null && !Array.isArray(stubs)) {
    for (const [domain, list] of Object.entries(stubs)) {
      const usable = servers(list, `stubDomains of ${domain}`);
      if (usable.length > 0) stubDomains.set(domain.toLowerCase().replace(/\.$/, ''), usable);
    }
  } else if (stubs !== undefined) problems.push('stubDomains: not an object of lists');
  const named = json('upstreamNameservers');
  const upstream = named === undefined ? [] : servers(named, 'upstreamNameservers');
  return { stubDomains, upstream: upstream.length > 0 ? upstream : undefined, problems };
}

/** `name` in lower case; undefined: the board's own servers. */
export function serversFor(
  { stubDomains, upstream }: Forwarding,
  name: string,
): readonly string[] | undefined {
  if (stubDomains.size > 0)
    for (let at = 0; ; at++) {
      const found = stubDomains.get(name.slice(at));
      if (found) return found;
      at = name.indexOf('.', at);
      if (at < 0) break;
    }
  return upstream;
}
