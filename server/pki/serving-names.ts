import { isIP } from 'node:net';

/** Every name and address under which clients reach the API server. */
export function alternativeNamesOf(options: {
  readonly clusterDomain: string;
  readonly serviceIp: string;
  readonly advertiseAddress: string;
  readonly tlsSans: readonly string[];
  readonly nodeName: string;
}): string[] {
  const names = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    `kubernetes.default.svc.${options.clusterDomain}`,
    'localhost',
    // As the LAN knows it.
    'coracle.local',
    options.nodeName,
    options.serviceIp,
    options.advertiseAddress,
    '127.0.0.1',
    '::1',
    ...options.tlsSans,
  ];
  return [...new Set(names.filter((name) => name !== ''))];
}

/** Is `printed`, the extension as Node prints it, for exactly these names? */
export function sameNames(printed: string | undefined, names: readonly string[]): boolean {
  const has = (printed ?? '')
    .split(', ')
    .filter((part) => part !== '')
    .map((part) => {
      if (part.startsWith('DNS:')) return part.slice('DNS:'.length);
      return canonical(part.slice('IP Address:'.length));
    });
  const wanted = names.map(canonical);
  return has.length === wanted.length && wanted.every((name) => has.includes(name));
}

const canonical = (name: string): string =>
  isIP(name) === 6 ? new URL(`http://[${name.split('%')[0]}]/`).hostname : name;
