/** What a person writes into `coracle.yaml`, read without mercy: every mistake is named in words that help to mend it. */

export interface BoardConfig {
  readonly name: string | undefined;
  readonly role: 'server' | 'agent' | undefined;
  /** `id.secret`, perhaps with `@pin`. */
  readonly token: string | undefined;
  /** `https://HOST:PORT`; undefined: to be looked for in the local network. */
  readonly server: string | undefined;
  readonly wifi: Wifi | undefined;
  readonly sshKeys: readonly string[];
  readonly timeZone: string | undefined;
  readonly ntp: readonly string[];
  readonly network: StaticNetwork | undefined;
  /** More options of `coracle server` or `coracle agent`, by name. */
  readonly options: Readonly<Record<string, unknown>>;
}

export interface Wifi {
  readonly ssid: string;
  /** Undefined: an open network. */
  readonly password: string | undefined;
  /** ISO 3166-1 alpha-2: which channels are allowed. */
  readonly country: string;
}

export interface StaticNetwork {
  /** Name or MAC address, for a board with several; undefined: whatever wired interface there is. */
  readonly interface: string | undefined;
  /** `192.168.1.20/24` */
  readonly address: string;
  readonly gateway: string | undefined;
  readonly dns: readonly string[];
}

export interface Reading {
  readonly config: BoardConfig;
  /** Empty: the configuration holds. */
  readonly problems: readonly string[];
}

const NAMES = [
  'name',
  'role',
  'token',
  'server',
  'wifi',
  'ssh-keys',
  'time-zone',
  'ntp',
  'network',
  'options',
] as const;

const TOKEN = /^[a-z0-9]{6}\.[a-z0-9]{16}(@(sha256:)?[0-9a-fA-F]{64})?$/;
const NAME = /^(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const IPV4 = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/;
const SSH_KEY = /^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp\d+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/=]{16,}( .*)?$/;
const HOST = /^[A-Za-z0-9]([-A-Za-z0-9.:]*[A-Za-z0-9])?$/;

/** `value` is what the YAML holds; an empty file is an empty configuration. */
export function readBoardConfig(value: unknown): Reading {
  const problems: string[] = [];
  const say = (problem: string): undefined => {
    problems.push(problem);
    return undefined;
  };
  const root = mapping(value ?? {}, 'coracle.yaml', say) ?? {};
  for (const key of Object.keys(root))
    if (!NAMES.includes(key as never)) say(`"${key}" is not known here${hint(key, NAMES)}`);
  const text = (key: string): string | undefined => scalar(root[key], key, say);

  const config: BoardConfig = {
    name: checked(text('name'), (name) =>
      NAME.test(name)
        ? name
        : say(
            `name: "${name}" can't be the name of a board: up to 63 lower case letters, digits and "-", as kitchen or pi-2`,
          ),
    ),
    role: checked(text('role'), (role) =>
      role === 'server' || role === 'agent' ? role : say(`role: "${role}" is neither server nor agent`),
    ),
    token: checked(text('token'), (token) =>
      TOKEN.test(token)
        ? token
        : say(
            'token: must be 6 and 16 lower case letters or digits with a dot between, as abcdef.0123456789abcdef, or what "coracle token create" printed',
          ),
    ),
    server: checked(text('server'), (server) => serverUrl(server, say)),
    wifi: readWifi(root['wifi'], say),
    sshKeys: list(root['ssh-keys'], 'ssh-keys', say).filter(
      (key) =>
        SSH_KEY.test(key) || say(`ssh-keys: "${short(key)}" is not a public key, as ssh-ed25519 AAAA…`),
    ),
    timeZone: checked(text('time-zone'), (zone) =>
      /^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+)*$/.test(zone)
        ? zone
        : say(`time-zone: "${zone}" is not a time zone, as Europe/Berlin`),
    ),
    ntp: list(root['ntp'], 'ntp', say).filter(
      (host) => HOST.test(host) || say(`ntp: "${host}" is not a host name or address`),
    ),
    network: readNetwork(root['network'], say),
    options: mapping(root['options'] ?? {}, 'options', say) ?? {},
  };
  return { config, problems };
}

/** What is wrong with a configuration for the role that it has in the end. */
export function roleProblems(config: BoardConfig, role: 'server' | 'agent'): readonly string[] {
  const problems: string[] = [];
  if (role === 'agent' && config.token === undefined)
    problems.push(
      'token: an agent needs one: that of the server, or what "coracle token create" prints there',
    );
  if (role === 'server' && config.server !== undefined)
    problems.push('server: is for agents; this board is to be the server itself');
  return problems;
}

type Say = (problem: string) => undefined;

function checked<T>(text: string | undefined, check: (text: string) => T | undefined): T | undefined {
  return text === undefined ? undefined : check(text);
}

function serverUrl(text: string, say: Say): string | undefined {
  const match = /^(?:https:\/\/)?([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::(\d{1,5}))?\/?$/.exec(text);
  const port = Number(match?.[2] ?? 6443);
  if (!match || port < 1 || port > 65535)
    return say(`server: "${text}" is not an address, as 192.168.1.10 or https://kitchen.local:6443`);
  return `https://${match[1]}:${port}`;
}

function readWifi(value: unknown, say: Say): Wifi | undefined {
  if (value === undefined || value === null) return undefined;
  const map = mapping(value, 'wifi', say);
  if (!map) return undefined;
  const names = ['ssid', 'password', 'country'];
  for (const key of Object.keys(map))
    if (!names.includes(key)) say(`wifi: "${key}" is not known here${hint(key, names)}`);
  const ssid = scalar(map['ssid'], 'wifi.ssid', say);
  const password = scalar(map['password'], 'wifi.password', say);
  const country = scalar(map['country'], 'wifi.country', say)?.toUpperCase();
  if (ssid === undefined) return say('wifi.ssid: the name of the network is missing');
  if (utf8Length(ssid) > 32) return say('wifi.ssid: longer than 32 bytes');
  if (password !== undefined && !/^[\x20-\x7e]{8,63}$/.test(password))
    return say('wifi.password: must have 8 to 63 characters, of those on an English keyboard');
  if (country === undefined || !/^[A-Z]{2}$/.test(country))
    return say('wifi.country: two letters, as DE, say which channels are allowed');
  return { ssid, password, country };
}

function readNetwork(value: unknown, say: Say): StaticNetwork | undefined {
  if (value === undefined || value === null) return undefined;
  const map = mapping(value, 'network', say);
  if (!map) return undefined;
  const names = ['interface', 'address', 'gateway', 'dns'];
  for (const key of Object.keys(map))
    if (!names.includes(key)) say(`network: "${key}" is not known here${hint(key, names)}`);
  const address = scalar(map['address'], 'network.address', say);
  const gateway = scalar(map['gateway'], 'network.gateway', say);
  const [ip = '', bits = ''] = (address ?? '').split('/');
  if (!IPV4.test(ip) || !/^\d{1,2}$/.test(bits) || Number(bits) > 32)
    return say('network.address: an address with the length of its network, as 192.168.1.20/24');
  if (gateway !== undefined && !IPV4.test(gateway)) say(`network.gateway: "${gateway}" is not an address`);
  const dns = list(map['dns'], 'network.dns', say).filter(
    (server) => IPV4.test(server) || say(`network.dns: "${server}" is not an address`),
  );
  const which = scalar(map['interface'], 'network.interface', say);
  if (which !== undefined && !/^[A-Za-z0-9._:-]{1,17}$/.test(which))
    say(`network.interface: "${which}" is neither a name, as eth0, nor a MAC address`);
  return { interface: which, address: address ?? '', gateway, dns };
}

function mapping(value: unknown, where: string, say: Say): Readonly<Record<string, unknown>> | undefined {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>;
  return say(`${where}: expected lines of the form "name: value"`);
}

function scalar(value: unknown, where: string, say: Say): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value.trim() === '' ? say(`${where}: is empty`) : value.trim();
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return say(`${where}: expected a single value`);
}

function list(value: unknown, where: string, say: Say): readonly string[] {
  if (value === undefined || value === null) return [];
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.map((one) => scalar(one, where, say)).filter((one) => one !== undefined);
}

const short = (text: string): string => (text.length > 24 ? `${text.slice(0, 24)}…` : text);

const utf8Length = (text: string): number =>
  [...text].reduce((sum, letter) => {
    const code = letter.codePointAt(0) ?? 0;
    return sum + (code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);
  }, 0);

/** The known name that differs only in case, `_` for `-`, or one letter. */
function hint(key: string, names: readonly string[]): string {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[-_ ]/g, '');
  const close = names.find((name) => plain(name) === plain(key) || oneApart(plain(name), plain(key)));
  return close ? `; "${close}" perhaps?` : '';
}

function oneApart(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let from = 0;
  while (from < a.length && a[from] === b[from]) from++;
  let end = 0;
  while (end < Math.min(a.length, b.length) - from && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return Math.max(a.length, b.length) - from - end <= 1;
}
