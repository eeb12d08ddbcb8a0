/** What Debian's mosquitto 2.0 is told: its configuration, who may do what, and who knows which password. Pure. */
import type { HostPort } from '#proto/config/options.ts';
import { type BrokerAccess, planGrants } from './access.plan.ts';

export interface MosquittoPaths {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly acl: string;
  readonly passwords: string;
}

/** Where a broker of the cluster's own listens. */
export interface BrokerListeners {
  /** For boards and the server: TLS, and the client certificate is the user. */
  readonly boards: HostPort;
  /** For people's programs: TLS, and a password. */
  readonly people: HostPort;
  /** On loopback, for programs of this machine, by password; undefined where something else has the port. */
  readonly localPort: number | undefined;
}

/** The number of clients, messages and bytes that a board of 1 GB bears whatever they do. */
const LIMITS = [
  'max_queued_messages 500',
  'max_queued_bytes 1048576',
  // The queue of a client that takes nothing has so many messages, of whatever size.
  'message_size_limit 32768',
  'max_packet_size 40960',
  // Who takes nothing does not ping either: it is gone after that, and half as long again.
  'max_keepalive 600',
  'persistent_client_expiration 1d',
  'memory_limit 67108864',
];

/** Of a listener; said before the first one it would open another, on the port of the local one. */
const MAX_CONNECTIONS = 'max_connections 1000';

/** The configuration file. */
export function planMosquittoConfig(paths: MosquittoPaths, listeners: BrokerListeners): string {
  const { boards, people, localPort } = listeners;
  const tls = [MAX_CONNECTIONS, `cafile ${paths.ca}`, `certfile ${paths.cert}`, `keyfile ${paths.key}`];
  const lines = [
    '# Written by Coracle at each start of the server; changes are lost.',
    'allow_anonymous false',
    `password_file ${paths.passwords}`,
    `acl_file ${paths.acl}`,
    // Everybody who publishes says it again after a restart: no reason to wear the card.
    'persistence false',
    'sys_interval 0',
    'connection_messages false',
    'log_dest stderr',
    'log_timestamp false',
    'log_type error',
    'log_type warning',
    ...LIMITS,
    '',
    `listener ${boards.port} ${boards.host}`,
    ...tls,
    'require_certificate true',
    'use_identity_as_username true',
    '',
    `listener ${people.port} ${people.host}`,
    ...tls,
  ];
  if (localPort !== undefined) lines.push('', `listener ${localPort} 127.0.0.1`, MAX_CONNECTIONS);
  return `${lines.join('\n')}\n`;
}

/** The access list. Who is not named may do nothing: rules before the first user would be everybody's. */
export function planMosquittoAcl(access: BrokerAccess): string {
  return planGrants(access)
    .map(({ user, read, write }) => {
      const rules = [...read.map((topic) => `read ${topic}`), ...write.map((topic) => `write ${topic}`)];
      return `user ${user}\n${rules.map((rule) => `topic ${rule}\n`).join('')}`;
    })
    .join('\n');
}

/** The password file. */
export const planMosquittoPasswords = ({ users }: BrokerAccess): string =>
  users.map(({ name, passwordHash }) => `${name}:${passwordHash}\n`).join('');
