import { hostname } from 'node:os';
import {
  address,
  cidrs,
  hostPort,
  nodeName,
  type OptionValues,
  oneOf,
  path,
  port,
  str,
  toggle,
} from '#proto/config/options.ts';
import { parseToken } from '#server/tokens/token-format.ts';

/** What `coracle server` takes. */
export const SERVER_OPTIONS = {
  'data-dir': {
    description: 'where the cluster lives: store, keys, certificates',
    placeholder: 'DIR',
    defaultValue: '/var/lib/coracle',
    parse: path,
  },
  listen: {
    description: 'where kubectl and the dashboard reach the API',
    placeholder: 'HOST:PORT',
    defaultValue: { host: '0.0.0.0', port: 6443 },
    defaultText: '0.0.0.0:6443',
    parse: hostPort,
  },
  'agent-listen': {
    description: 'where boards connect; boards expect the port after that of --listen',
    placeholder: 'HOST:PORT',
    defaultValue: { host: '0.0.0.0', port: 6444 },
    defaultText: '0.0.0.0:6444',
    parse: hostPort,
  },
  'advertise-address': {
    description: 'the address that others use to reach this server',
    placeholder: 'IP',
    defaultValue: '',
    defaultText: 'of the interface with the default route',
    parse: address,
  },
  'node-name': {
    description: "this board's name",
    placeholder: 'NAME',
    defaultValue: hostname().toLowerCase(),
    defaultText: 'the host name',
    parse: nodeName,
  },
  token: {
    description: 'a join token to accept for ever, beside those of "coracle token create"',
    placeholder: 'ID.SECRET',
    defaultValue: '',
    parse: joinTokenSecret,
  },
  'tls-san': {
    description: 'another name or address in the certificate of the server; may be repeated',
    placeholder: 'NAME|IP',
    list: true,
    defaultValue: [] as readonly string[],
    parse: str as (text: string) => never,
  },
  'write-kubeconfig': {
    description: 'where to write the administrator kubeconfig',
    placeholder: 'FILE',
    defaultValue: '/etc/coracle/kubeconfig.yaml',
    parse: path,
  },
  containerd: {
    description: 'socket of a containerd to use; without it the board runs its own',
    placeholder: 'SOCKET',
    defaultValue: '',
    parse: path,
  },
  'cluster-cidr': {
    description: 'addresses of Pods; each board takes a /24 of it, and a /64 of an IPv6 range behind a comma',
    placeholder: 'CIDR[,CIDR]',
    defaultValue: '10.42.0.0/16',
    parse: cidrs,
  },
  'service-cidr': {
    description: 'addresses of Services; with an IPv6 range of /108 or less behind a comma, of both families',
    placeholder: 'CIDR[,CIDR]',
    defaultValue: '10.43.0.0/16',
    parse: cidrs,
  },
  'max-requests-inflight': {
    description: 'requests that run at a time, with those below; the rest waits its turn',
    placeholder: 'N',
    defaultValue: 64,
    parse: count,
  },
  'max-mutating-requests-inflight': {
    description: 'added to those above: flow schemas share the sum among clients',
    placeholder: 'N',
    defaultValue: 32,
    parse: count,
  },
  'oidc-issuer-url': {
    description: 'an OpenID Connect issuer whose ID tokens let people in',
    placeholder: 'URL',
    defaultValue: '',
    parse: str,
  },
  'oidc-client-id': {
    description: 'whom ID tokens must be for',
    placeholder: 'ID',
    defaultValue: '',
    parse: str,
  },
  'oidc-ca-file': {
    description: 'the CA of the issuer, PEM',
    placeholder: 'FILE',
    defaultValue: '',
    defaultText: "the system's",
    parse: path,
  },
  'oidc-username-claim': {
    description: 'the claim that is the user',
    placeholder: 'CLAIM',
    defaultValue: 'sub',
    parse: str,
  },
  'oidc-username-prefix': {
    description: 'what is put before it; - is nothing',
    placeholder: 'TEXT',
    defaultValue: '',
    defaultText: 'the issuer and #, but nothing before an email address',
    parse: str,
  },
  'oidc-groups-claim': {
    description: 'the claim that has the groups',
    placeholder: 'CLAIM',
    defaultValue: '',
    parse: str,
  },
  'oidc-groups-prefix': {
    description: 'what is put before each',
    placeholder: 'TEXT',
    defaultValue: '',
    parse: str,
  },
  'oidc-required-claim': {
    description: 'claim=value that ID tokens must have; may be repeated',
    placeholder: 'CLAIM=VALUE',
    list: true,
    defaultValue: [] as readonly string[],
    parse: str as (text: string) => never,
  },
  'oidc-signing-algs': {
    description: 'algorithms that are believed, with commas between',
    placeholder: 'ALG',
    defaultValue: 'RS256',
    parse: str,
  },
  'audit-policy-file': {
    description: 'what the audit log says: an audit.k8s.io/v1 Policy; without one nothing is logged',
    placeholder: 'FILE',
    defaultValue: '',
    parse: path,
  },
  'audit-log-path': {
    description: 'where the audit log is written; - is the standard output',
    placeholder: 'FILE',
    defaultValue: '',
    parse: (text: string) => (text === '-' ? text : path(text)),
  },
  'audit-log-maxsize': {
    description: 'megabytes of a file of the audit log before the next one begins',
    placeholder: 'MB',
    defaultValue: 100,
    parse: count,
  },
  'audit-log-maxage': {
    description: 'days that old files of the audit log are kept; 0 is for ever',
    placeholder: 'DAYS',
    defaultValue: 0,
    parse: count,
  },
  'audit-log-maxbackup': {
    description: 'old files of the audit log that are kept; 0 is all',
    placeholder: 'N',
    defaultValue: 0,
    parse: count,
  },
  'cluster-domain': {
    description: 'DNS domain of the cluster',
    placeholder: 'DOMAIN',
    defaultValue: 'cluster.local',
    parse: nodeName,
  },
  mqtt: {
    description:
      "where boards' health is published: managed starts mosquitto, embedded a broker of ours, or one of yours, or off",
    placeholder: 'off|managed|embedded|mqtts://USER:PASSWORD@HOST:PORT',
    defaultValue: '',
    defaultText: 'managed where mosquitto is installed, else embedded',
    parse: mqttBroker,
  },
  'mqtt-listen': {
    description: 'where boards reach the broker that the server starts, over TLS and by certificate',
    placeholder: 'HOST:PORT',
    defaultValue: { host: '0.0.0.0', port: 8883 },
    defaultText: '0.0.0.0:8883',
    parse: hostPort,
  },
  'mqtt-password-listen': {
    description: 'where others reach it, over TLS and by password: see "coracle mqtt user create"',
    placeholder: 'HOST:PORT',
    defaultValue: { host: '0.0.0.0', port: 8884 },
    defaultText: '0.0.0.0:8884',
    parse: hostPort,
  },
  'mqtt-interval': {
    description: 'how often a board publishes its health, in seconds; boards look every 10 seconds',
    placeholder: 'SECONDS',
    defaultValue: 30,
    parse: seconds,
  },
  'metrics-resolution': {
    description: 'how often boards report what their containers use, in seconds',
    placeholder: 'SECONDS',
    defaultValue: 15,
    parse: seconds,
  },
  'backup-to': {
    description:
      'where a backup is made by a schedule; a bucket asks for the Secret kube-system/coracle-backup',
    placeholder: 'DIR|s3://BUCKET/PREFIX',
    defaultValue: '',
    defaultText: 'nowhere',
    parse: (text: string) => (text.startsWith('s3://') ? text : path(text)),
  },
  'backup-schedule': {
    description: 'when, as cron writes it',
    placeholder: 'CRON',
    defaultValue: '0 3 * * *',
    parse: cronSchedule,
  },
  'backup-keep': {
    description: 'how many backups are kept there',
    placeholder: 'N',
    defaultValue: 14,
    parse: count,
  },
  'backup-s3-endpoint': {
    description: 'the store of that bucket',
    placeholder: 'URL',
    defaultValue: 'https://s3.amazonaws.com',
    parse: str,
  },
  'backup-s3-region': {
    description: 'its region',
    placeholder: 'REGION',
    defaultValue: 'us-east-1',
    parse: str,
  },
  'set-clock': {
    description: "on: a clock that was not set is, from what is known of the time; off: it's left alone",
    placeholder: 'MODE',
    defaultValue: 'on' as const,
    parse: oneOf('on', 'off'),
  },
  'no-agent': {
    description: 'only the control plane: run no Pods on this board',
    defaultValue: false,
    parse: toggle,
  },
  disable: {
    description:
      'a part to do without: local-storage (the class local-path), ingress, servicelb (load balancers at the boards’ addresses), dns (a CoreDNS of yours answers instead), mdns (coracle.local on the LAN); may be repeated',
    placeholder: 'PART',
    list: true,
    defaultValue: [] as readonly string[],
    parse: oneOf('local-storage', 'ingress', 'servicelb', 'dns', 'mdns') as (text: string) => never,
  },
  network: {
    description:
      'how Pods of different boards reach each other: host-gw within one segment, vxlan, auto (each where it fits), wireguard, or none where another CNI plug-in sees to it',
    placeholder: 'MODE',
    defaultValue: 'auto' as const,
    parse: oneOf('auto', 'host-gw', 'vxlan', 'wireguard', 'none'),
  },
  'tunnel-port': {
    description: 'UDP port of VXLAN or WireGuard on each board',
    placeholder: 'PORT',
    defaultValue: 0,
    defaultText: '8472, of WireGuard 51820',
    parse: port,
  },
  'ingress-http-port': {
    description: "where this board serves Ingresses' HTTP",
    placeholder: 'PORT',
    defaultValue: 80,
    parse: port,
  },
  'ingress-https-port': {
    description: "where this board serves Ingresses' HTTPS",
    placeholder: 'PORT',
    defaultValue: 443,
    parse: port,
  },
  'log-level': {
    description: 'debug, info, warn or error',
    placeholder: 'LEVEL',
    defaultValue: 'info' as const,
    parse: oneOf('debug', 'info', 'warn', 'error'),
  },
} as const;

export type ServerOptions = OptionValues<typeof SERVER_OPTIONS>;

function mqttBroker(text: string): string {
  if (text === 'off' || text === 'managed' || text === 'embedded') return text;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url?.hostname || !/^mqtts?:$/.test(url.protocol))
    throw new Error(
      `"${text.replace(/\/\/.*@/, '//')}" is none of off, managed, embedded and mqtt[s]://USER:PASSWORD@HOST:PORT`,
    );
  return text;
}

function cronSchedule(text: string): string {
  if (!/^(\S+\s+){4}\S+$/.test(text.trim()))
    throw new Error(`"${text}" is no schedule of five fields such as "0 3 * * *"`);
  return text.trim();
}

function count(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new Error(`"${text}" is not a number`);
  return Number(text);
}

function seconds(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) < 1) throw new Error(`"${text}" is not a number of seconds`);
  return Number(text);
}

function joinTokenSecret(text: string): string {
  if (!parseToken(text))
    throw new Error(
      'a token is 6 and 16 lower case letters or digits with a dot between: abcdef.0123456789abcdef',
    );
  return text;
}
