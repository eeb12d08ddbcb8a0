/** From a configuration that holds to the files of /etc, as data. */
import type { BoardConfig, StaticNetwork, Wifi } from './config.plan.ts';

export interface BoardFacts {
  /** The role that the image was built for. */
  readonly imageRole: 'server' | 'agent';
  /** Of this board and no other, and the same at every boot: a part of its machine id. */
  readonly uniqueName: string;
  /** `id.secret`, made by this board: what its own agent joins with where the owner gave no token. */
  readonly ownToken: string;
}

export interface BoardPlan {
  readonly name: string;
  readonly role: 'server' | 'agent';
  readonly files: readonly { readonly path: string; readonly text: string; readonly mode: number }[];
  readonly timeZone: string;
  readonly ssh: boolean;
  /** In this order. */
  readonly start: readonly string[];
}

export const roleOf = (config: BoardConfig, facts: Pick<BoardFacts, 'imageRole'>): 'server' | 'agent' =>
  config.role ?? facts.imageRole;

export function planBoard(config: BoardConfig, facts: BoardFacts): BoardPlan {
  const role = roleOf(config, facts);
  const name = config.name ?? facts.uniqueName;
  const { wifi, network, sshKeys, ntp } = config;
  const file = (path: string, text: string, mode = 0o644) => ({ path, text, mode });
  return {
    name,
    role,
    timeZone: config.timeZone ?? 'Etc/UTC',
    ssh: sshKeys.length > 0,
    files: [
      file('/etc/hostname', `${name}\n`),
      file('/etc/hosts', `127.0.0.1 localhost\n::1 localhost\n127.0.1.1 ${name}\n`),
      // It holds the token.
      file(
        '/etc/coracle/config.yaml',
        coracleConfig(config, { role, name, ownToken: facts.ownToken }),
        0o600,
      ),
      ...(network ? [file('/etc/systemd/network/70-coracle-static.network', staticNetwork(network))] : []),
      ...(wifi ? [file('/etc/wpa_supplicant/coracle.conf', wpaSupplicant(wifi), 0o600)] : []),
      ...(sshKeys.length > 0 ? [file('/etc/ssh/authorized_keys', `${sshKeys.join('\n')}\n`, 0o600)] : []),
      ...(ntp.length > 0
        ? [file('/etc/systemd/timesyncd.conf.d/coracle.conf', `[Time]\nNTP=${ntp.join(' ')}\n`)]
        : []),
    ],
    start: [
      ...(sshKeys.length > 0 ? ['ssh.service'] : []),
      ...(role === 'server' ? ['coracle-server.service'] : []),
      'coracle-agent.service',
    ],
  };
}

/** JSON is YAML: no quoting to get wrong. The server's own agent joins it over loopback. */
function coracleConfig(
  { token, server, options }: BoardConfig,
  { role, name, ownToken }: { readonly role: string; readonly name: string; readonly ownToken: string },
): string {
  const own =
    role === 'server'
      ? { server: 'https://127.0.0.1:6443', token: (token ?? ownToken).replace(/@.*/, '') }
      : { ...(server ? { server } : {}), ...(token ? { token } : {}) };
  return `${JSON.stringify({ ...options, 'node-name': name, ...own }, null, 2)}\n`;
}

/** Without a lease beside it, which would bring a second address. */
function staticNetwork({ interface: which, address, gateway, dns }: StaticNetwork): string {
  const isMac = which !== undefined && /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(which);
  return [
    '[Match]',
    isMac ? `MACAddress=${which}` : `Name=${which ?? 'en* eth*'}`,
    '',
    '[Network]',
    `Address=${address}`,
    ...(gateway ? [`Gateway=${gateway}`] : []),
    ...dns.map((server) => `DNS=${server}`),
    '',
  ].join('\n');
}

/** The name in hex, so that no letter of it means anything else. */
function wpaSupplicant({ ssid, password, country }: Wifi): string {
  const hex = [...utf8(ssid)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return [
    'ctrl_interface=/run/wpa_supplicant',
    `country=${country}`,
    'network={',
    `  ssid=${hex}`,
    ...(password === undefined
      ? ['  key_mgmt=NONE']
      : [
          '  key_mgmt=WPA-PSK WPA-PSK-SHA256 SAE',
          '  ieee80211w=1',
          // The text ends at the last quote of the line, whatever is before it.
          `  psk="${password}"`,
          `  sae_password="${password}"`,
        ]),
    '}',
    '',
  ].join('\n');
}

/** What the owner finds on the boot partition, in words. Lines end as Windows likes it. */
export function errorsText(problems: readonly string[]): string {
  return [
    'coracle.yaml can not be used as it is:',
    '',
    ...problems.map((problem) => `  - ${problem}`),
    '',
    'Mend it here, on this partition, and put the card back into the board.',
    'Until then the board stays out of the cluster.',
    '',
  ].join('\r\n');
}

/** The bytes of a text; plans have no TextEncoder. */
function utf8(text: string): readonly number[] {
  return [...encodeURIComponent(text).matchAll(/%([0-9A-F]{2})|([\s\S])/g)].map(([, hex, letter]) =>
    hex ? Number.parseInt(hex, 16) : (letter ?? '').charCodeAt(0),
  );
}
