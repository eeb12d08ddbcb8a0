/** What `coracle install` does to a machine and `coracle uninstall` takes away again: paths, units and settings. */

export type Role = 'server' | 'agent';

/** Where an installed Coracle is; the images of flashed boards have it there too. */
export const PLACES = {
  programs: '/usr/lib/coracle',
  command: '/usr/local/bin/coracle',
  units: '/etc/systemd/system',
  config: '/etc/coracle/config.yaml',
} as const;

/** `/usr/local/bin/coracle`: brings its own Node. */
export const COMMAND_SCRIPT = `#!/bin/sh
exec ${PLACES.programs}/bin/node ${PLACES.programs}/coracle.mjs "$@"
`;

/** A server runs its own board's agent as a unit of its own: the one needs rights that the other is denied. */
export function unitsOf(role: Role, options: { readonly withAgent: boolean }): string[] {
  if (role === 'agent') return ['coracle-agent.service'];
  return ['coracle-server.service', ...(options.withAgent ? ['coracle-agent.service'] : [])];
}

type Settings = Readonly<Record<string, unknown>>;

/**
 * `/etc/coracle/config.yaml`, as the flags of the command say it over what is there. The agent of a server's board finds it
 * over loopback and joins with a token of both, `freshToken` where none is given.
 */
export function planConfig(
  role: Role,
  before: Settings,
  flags: Settings,
  freshToken: string,
  withAgent: boolean,
): Settings {
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  const config: Record<string, unknown> = { ...before, ...given };
  if (role === 'agent' || !withAgent) return config;
  return {
    ...config,
    server: config['server'] ?? 'https://127.0.0.1:6443',
    token: config['token'] ?? freshToken,
  };
}

/** Why an agent can't be installed with these settings; undefined: it can. */
export function refusal(role: Role, config: Settings): string | undefined {
  if (role !== 'agent' || config['token'] !== undefined) return undefined;
  return 'an agent needs --token: on the server, "coracle token create" prints one';
}

/** Everything of Coracle's that is left on a machine once its programs have stopped. */
export const LEFT_BEHIND = {
  /** Folders and files; those below `data` and `config` only without `--keep-data`. */
  always: [
    PLACES.programs,
    PLACES.command,
    `${PLACES.units}/coracle-server.service`,
    `${PLACES.units}/coracle-agent.service`,
    '/run/coracle',
    '/run/coracle-server',
  ],
  data: ['/var/lib/coracle', '/etc/coracle', '/var/log/pods', '/var/log/containers'],
  /** Folders of the CNI plug-ins, which others may use too: those that are empty. */
  empty: ['/var/lib/cni/results', '/var/lib/cni/networks', '/var/lib/cni'],
  links: ['cni0', 'coracle.vxlan', 'coracle.wg'],
} as const;

/** Tables in the words of `nft list tables` that are Coracle's. */
export const ownTables = (listed: string): string[] =>
  listed
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^table \w+ coracle(-\w+)?$/.test(line));

/**
 * Mount points below folders, the deepest first, as `/proc/self/mountinfo` has them. Not the folders themselves: a disk that
 * somebody mounted there stays.
 */
export function mountsBelow(mountinfo: string, folders: readonly string[]): string[] {
  return mountinfo
    .split('\n')
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, code: string) =>
        String.fromCharCode(Number.parseInt(code, 8)),
      ),
    )
    .filter((point) => folders.some((folder) => point.startsWith(`${folder}/`)))
    .sort((a, b) => b.length - a.length);
}
