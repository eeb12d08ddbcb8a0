import { isIpv6 } from './cidr.ts';

/** A host as URLs have it: with brackets around an IPv6 address that has none yet. Rule: RFC 3986 §3.2.2. */
export const urlHost = (host: string): string => (isIpv6(host) && !host.startsWith('[') ? `[${host}]` : host);

/** A host to be dialled: what a URL has, without brackets. */
export const bareHost = (host: string): string => host.replace(/^\[|\]$/g, '');

/** `10.42.0.7:443`, `[fd00::7]:443`, `pi:443`. */
export const hostPort = (host: string, port: number): string => `${urlHost(host)}:${port}`;
