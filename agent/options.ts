import { hostname } from 'node:os';
import {
  address,
  hostPort,
  nodeName,
  type OptionValues,
  oneOf,
  path,
  port,
  str,
} from '#proto/config/options.ts';
import { BOARD_OPTIONS } from './node/board-options.ts';

/** What `coracle agent` takes. */
export const AGENT_OPTIONS = {
  server: {
    description: 'the server to join: https://HOST:PORT',
    placeholder: 'URL',
    defaultValue: '',
    defaultText: 'the one that answers on the LAN and knows the token',
    parse: serverUrl,
  },
  token: {
    description: 'the join token, needed once: what "coracle token create" prints on the server',
    placeholder: 'TOKEN',
    defaultValue: '',
    parse: str,
  },
  'server-link': {
    description: 'where the server listens for boards, if not on the port after that of --server',
    placeholder: 'HOST:PORT',
    defaultValue: undefined as { readonly host: string; readonly port: number } | undefined,
    parse: hostPort,
  },
  'data-dir': {
    description: 'where the board keeps its identity, desired state and volumes',
    placeholder: 'DIR',
    defaultValue: '/var/lib/coracle',
    parse: path,
  },
  'node-name': {
    description: "this board's name",
    placeholder: 'NAME',
    defaultValue: hostname().toLowerCase(),
    defaultText: 'the host name',
    parse: nodeName,
  },
  'hardware-id': {
    description: 'what tells this board from others and outlives a re-flash',
    placeholder: 'TEXT',
    defaultValue: '',
    defaultText: "the board's serial number, its firmware's UUID, or its network card's address",
    parse: str,
  },
  'set-clock': {
    description: "on: a clock that was not set is, from what is known of the time; off: it's left alone",
    placeholder: 'MODE',
    defaultValue: 'on' as const,
    parse: oneOf('on', 'off'),
  },
  'node-ip': {
    description: "this board's address",
    placeholder: 'IP',
    defaultValue: '',
    defaultText: 'of the interface that leads to the server',
    parse: address,
  },
  containerd: {
    description: 'socket of a containerd to use; without it the board runs its own',
    placeholder: 'SOCKET',
    defaultValue: '',
    parse: path,
  },
  'images-dir': {
    description: 'image archives to import at the start',
    placeholder: 'DIR',
    defaultValue: '',
    defaultText: 'those that came with Coracle',
    parse: path,
  },
  ...BOARD_OPTIONS,
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
  'reboot-command': {
    description: 'a line of shell that starts this machine anew, when the cluster asks for it',
    placeholder: 'COMMAND',
    defaultValue: 'systemctl reboot || reboot -f',
    parse: str,
  },
  'log-level': {
    description: 'debug, info, warn or error',
    placeholder: 'LEVEL',
    defaultValue: 'info' as const,
    parse: oneOf('debug', 'info', 'warn', 'error'),
  },
} as const;

export type AgentOptions = OptionValues<typeof AGENT_OPTIONS>;

function serverUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:') throw new Error(`"${text}" is not https://HOST:PORT`);
  return text;
}
