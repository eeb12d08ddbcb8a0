/** What Debian's mosquitto 2.0 is told: its configuration, who may do what, and who knows which password. Pure. */
import {
  ALL_AVAILABILITIES,
  ALL_TOPICS,
  CLUSTER_TOPICS,
  HOME_ASSISTANT_STATUS,
  nodeTopics,
} from '#proto/agent/mqtt-topics.ts';

export interface MosquittoPaths {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly acl: string;
  readonly passwords: string;
}

export interface MosquittoListeners {
  /** For boards and the server: TLS, and the client certificate is the user. */
  readonly tls: { readonly host: string; readonly port: number };
  /** On loopback, for programs of this machine, by password; undefined where something else has the port. */
  readonly localPort: number | undefined;
}

/** The common name of the server's own client certificate. */
export const SERVER_USER = 'system:coracle:telemetry';
/** May read everything. */
export const DASHBOARD_USER = 'dashboard';
/** May read everything, and say that Home Assistant has started. */
export const HOME_ASSISTANT_USER = 'home-assistant';

/** The number of clients, messages and bytes that a board of 1 GB bears whatever they do. */
const LIMITS = [
  'max_queued_messages 500',
  'max_queued_bytes 1048576',
  'message_size_limit 65536',
  'max_packet_size 131072',
  'persistent_client_expiration 1d',
];

/** Of a listener; said before the first one it would open another, on the port of the local one. */
const MAX_CONNECTIONS = 'max_connections 1000';

/** The configuration file. */
export function planMosquittoConfig(paths: MosquittoPaths, { tls, localPort }: MosquittoListeners): string {
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
    `listener ${tls.port} ${tls.host}`,
    MAX_CONNECTIONS,
    `cafile ${paths.ca}`,
    `certfile ${paths.cert}`,
    `keyfile ${paths.key}`,
    'require_certificate true',
    'use_identity_as_username true',
    // A client id of one's own choice could take over the session of another.
    'use_username_as_clientid true',
  ];
  if (localPort !== undefined) lines.push('', `listener ${localPort} 127.0.0.1`, MAX_CONNECTIONS);
  return `${lines.join('\n')}\n`;
}

/**
 * The access list. Boards are named one by one: in their certificates they are `system:node:<name>`, which no pattern turns
 * into `<name>`, and a board that was deleted loses its rights with its line. Who is not named may do nothing.
 */
export function planMosquittoAcl(nodeNames: readonly string[]): string {
  const users: readonly (readonly [string, readonly string[]])[] = [
    [
      SERVER_USER,
      [
        `read ${ALL_TOPICS}`,
        `write ${CLUSTER_TOPICS}`,
        // To remove what a deleted board left behind.
        `write ${ALL_AVAILABILITIES}`,
        'readwrite homeassistant/#',
      ],
    ],
    [DASHBOARD_USER, [`read ${ALL_TOPICS}`, 'read homeassistant/#']],
    [HOME_ASSISTANT_USER, [`read ${ALL_TOPICS}`, 'read homeassistant/#', `write ${HOME_ASSISTANT_STATUS}`]],
    ...[...nodeNames].sort().map((name) => [`system:node:${name}`, [`write ${nodeTopics(name)}`]] as const),
  ];
  return users
    .map(([user, rules]) => `user ${user}\n${rules.map((rule) => `topic ${rule}\n`).join('')}`)
    .join('\n');
}
