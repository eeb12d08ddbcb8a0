/**
 * The tables of `routing.plan.ts` in the words of HAProxy 2.6 and later. Pure.
 *
 * A server line has no Pod but a slot: which Pod is in it is changed while HAProxy runs, so that Pods come and go without
 * a reload. What else changes is a reload: a new process takes the sockets over from the old one, which serves what it has.
 */
import { hostPort } from '#proto/net/host-port.ts';
import type { Target } from '../services/targets.plan.ts';
import type { Backend, Route, Routing } from './routing.plan.ts';

export interface ProxySettings {
  /** Undefined: another program has it. */
  readonly httpPort: number | undefined;
  readonly httpsPort: number | undefined;
  readonly ipv6: boolean;
  readonly threads: number;
  readonly maxConnections: number;
  /** Where the files of this configuration lie. */
  readonly directory: string;
  /** Of the runtime API. */
  readonly socket: string;
}

/** Which Pod is in which slot of a backend. */
export type Slots = ReadonlyMap<string, readonly (Target | undefined)[]>;

const MIN_SLOTS = 4;
const DEFAULT_TIMEOUT_SECONDS = 60;
/** Documentation's own address (RFC 5737): nobody is there, and a slot with it is switched off. */
const NOBODY = '192.0.2.1:9';

/**
 * Pods stay in the slots that they have; others get a free one. A backend that does not fit gets twice as many, which is
 * another {@link shapeOf}.
 */
export function assignSlots(before: Slots, backends: Routing['backends']): Slots {
  const after = new Map<string, readonly (Target | undefined)[]>();
  for (const [name, { targets }] of backends) {
    const wanted = new Map(targets.map((target) => [keyOf(target), target]));
    const old = before.get(name) ?? [];
    const slots = old.map((target) => (target && wanted.delete(keyOf(target)) ? target : undefined));
    const rest = [...wanted.values()];
    for (let i = 0; i < slots.length && rest.length > 0; i++) slots[i] ??= rest.shift();
    slots.push(...rest);
    let size = Math.max(MIN_SLOTS, old.length);
    while (size < slots.length) size *= 2;
    while (slots.length < size) slots.push(undefined);
    after.set(name, slots);
  }
  return after;
}

const keyOf = ({ ip, port }: Target): string => hostPort(ip, port);

/** What the runtime API is told. Connections that a Pod has stay; a Pod that is taken out gets no more. */
export function planSlotChanges(before: Slots, after: Slots): readonly string[] {
  const commands: string[] = [];
  for (const [name, slots] of after) {
    const old = before.get(name) ?? [];
    for (const [index, target] of slots.entries()) {
      const was = old[index];
      if (was?.ip === target?.ip && was?.port === target?.port) continue;
      const server = `${name}/s${index + 1}`;
      if (target) commands.push(`set server ${server} addr ${target.ip} port ${target.port}`);
      if (!target || !was) commands.push(`set server ${server} state ${target ? 'ready' : 'maint'}`);
    }
  }
  return commands;
}

/** Equal shapes differ in no more than which Pods are in which slots. */
export function shapeOf(routing: Routing, slots: Slots): string {
  const backends = [...routing.backends].map(([name, { targets: _, ...rest }]) => [
    name,
    rest,
    slots.get(name)?.length,
  ]);
  return JSON.stringify([[...routing.exact], [...routing.prefix], backends, routing.certificates]);
}

/** Files of a configuration by name; the certificates lie beside them. */
export function planFiles(
  routing: Routing,
  slots: Slots,
  settings: ProxySettings,
): Readonly<Record<string, string>> {
  const { exact, prefix, certificates } = routing;
  return {
    'haproxy.cfg': planConfig(routing, slots, settings),
    'exact.map': mapOf(exact),
    'prefix.map': mapOf(prefix),
    // The first one is shown to whoever asks for no name, or for one that nobody has.
    'certificates.list': [{ file: DEFAULT_CERTIFICATE, hosts: [] }, ...certificates]
      .map(({ file, hosts }) => `${settings.directory}/${[file, ...hosts].join(' ')}\n`)
      .join(''),
  };
}

export const DEFAULT_CERTIFICATE = 'default.pem';

const mapOf = (routes: ReadonlyMap<string, Route>): string =>
  [...routes]
    .map(([key, { backend, redirect }]) => `${key} ${redirect ? 'tls' : 'any'}|${backend}\n`)
    .join('');

function planConfig({ backends }: Routing, slots: Slots, settings: ProxySettings): string {
  const { directory, socket, threads, maxConnections, httpsPort } = settings;
  const exact = `map_str(${directory}/exact.map)`;
  const prefix = `map_beg(${directory}/prefix.map)`;
  const unless = 'if !{ var(txn.route) -m found }';
  const look = (first: boolean): string[] => [
    `http-request set-var(txn.route) var(txn.site),concat(,txn.path,),${exact}${first ? '' : ` ${unless}`}`,
    `http-request set-var(txn.route) var(txn.site),concat(,txn.path,/),${prefix} ${unless}`,
  ];
  const toTls =
    httpsPort === 443 || httpsPort === undefined
      ? 'redirect scheme https code 308'
      : `redirect prefix https://%[req.hdr(host),host_only]:${httpsPort} code 308`;
  return lines([
    'global',
    [
      `maxconn ${maxConnections}`,
      `nbthread ${threads}`,
      `stats socket ${socket} mode 600 level admin expose-fd listeners`,
      // Old clients are not worth what TLS 1.1 costs the others. Rule: Mozilla's "intermediate" configuration.
      'ssl-default-bind-options ssl-min-ver TLSv1.2',
      'ssl-default-bind-ciphers ECDHE+AESGCM:ECDHE+CHACHA20',
      // Of 200 bytes each; its default would take 4 MB at once.
      'tune.ssl.cachesize 2000',
    ],
    'defaults',
    [
      'mode http',
      'timeout connect 4s',
      'timeout client 60s',
      'timeout client-fin 10s',
      `timeout server ${DEFAULT_TIMEOUT_SECONDS}s`,
      'timeout tunnel 1h',
      'timeout http-request 20s',
      'timeout http-keep-alive 60s',
      'timeout queue 10s',
      // After a reload a kept connection gets one more answer, with which it is closed: a request that is on its way is not lost.
      'option idle-close-on-response',
      // A Pod that has just gone is found out at once, and another one asked.
      'retries 3',
      'option redispatch 1',
      'retry-on conn-failure empty-response',
      'http-reuse safe',
      'http-error status 503 content-type text/plain string "no Pod is ready to answer\\n"',
    ],
    'frontend web',
    [
      ...binds(settings),
      'http-request disable-l7-retry if { method POST PATCH CONNECT }',
      'http-request set-var(txn.path) path',
      'http-request set-var(txn.site) req.hdr(host),host_only,lower',
      ...look(true),
      `http-request set-var(txn.site) var(txn.site),regsub(^[^.]*,*) ${unless}`,
      ...look(false),
      `http-request set-var(txn.site) str(*) ${unless}`,
      ...look(false),
      `http-request return status 404 content-type text/plain string "no Ingress has this host and path\\n" ${unless}`,
      ...(httpsPort === undefined
        ? []
        : [`http-request ${toTls} if !{ ssl_fc } { var(txn.route) -m beg tls| }`]),
      // What a client says of itself is not believed.
      'http-request set-header X-Forwarded-For %[src]',
      'http-request set-header X-Real-IP %[src]',
      'http-request set-header X-Forwarded-Host %[req.hdr(host)]',
      'http-request set-header X-Forwarded-Port %[dst_port]',
      'http-request set-header X-Forwarded-Proto http',
      'http-request set-header X-Forwarded-Proto https if { ssl_fc }',
      'use_backend %[var(txn.route),field(2,|)]',
    ],
    ...[...backends].flatMap(([name, backend]) => [
      `backend ${name}`,
      planBackend(name, backend, slots.get(name) ?? []),
    ]),
  ]);
}

function binds({ httpPort, httpsPort, ipv6, directory }: ProxySettings): string[] {
  const tls = ` ssl crt-list ${directory}/certificates.list alpn h2,http/1.1`;
  return [
    ...(httpPort === undefined ? [] : [[httpPort, ''] as const]),
    ...(httpsPort === undefined ? [] : [[httpsPort, tls] as const]),
  ].flatMap(([port, rest]) => [
    `bind 0.0.0.0:${port}${rest}`,
    ...(ipv6 ? [`bind [::]:${port} v6only${rest}`] : []),
  ]);
}

const PROTOCOL_WORDS: Readonly<Record<Backend['protocol'], string>> = {
  http: '',
  h2c: ' proto h2',
  // Pods have certificates of their own making, if any: there is nobody to have them signed by.
  https: ' ssl verify none sni req.hdr(host),host_only alpn h2,http/1.1',
};

function planBackend(
  name: string,
  { protocol, cookieAffinity, timeoutSeconds }: Backend,
  slots: readonly (Target | undefined)[],
): string[] {
  return [
    'balance roundrobin',
    ...(timeoutSeconds === undefined ? [] : [`timeout server ${timeoutSeconds}s`]),
    // Made of address and port: the same on every board, whichever slot the Pod has there.
    ...(cookieAffinity
      ? ['cookie CORACLE_POD insert indirect nocache httponly dynamic', `dynamic-cookie-key ${name}`]
      : []),
    ...slots.map(
      (target, index) =>
        `server s${index + 1} ${target ? keyOf(target) : NOBODY}${PROTOCOL_WORDS[protocol]}${target ? '' : ' disabled'}`,
    ),
  ];
}

/** Sections, with what is in them two blanks further in. */
const lines = (parts: readonly (string | readonly string[])[]): string =>
  parts
    .flatMap((part) => (typeof part === 'string' ? [part] : part.map((line) => `  ${line}`)))
    .map((line) => `${line}\n`)
    .join('');
