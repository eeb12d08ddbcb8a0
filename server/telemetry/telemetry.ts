/**
 * The server's part of MQTT: which broker there is, what boards are told of it, and what the server publishes itself. The control
 * plane never waits for any of it.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { MqttEndpoint } from '#proto/agent/mqtt-connection.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { secrets } from '#proto/api/core/secrets.ts';
import type { HostPort } from '#proto/config/options.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { hostPort } from '#proto/net/host-port.ts';
import { issueCertificate } from '#proto/pki/certificate.ts';
import { generateKey, keyToPem, spkiOf } from '#proto/pki/key.ts';
import { toPem } from '#proto/pki/pem.ts';
import type { Dispatch } from '#server/apiserver/http/dispatch.ts';
import type { ApiClient } from '#server/client/client.ts';
import type { InformerFactory } from '#server/client/informer-factory.ts';
import { IDENTITY_TYPE, revokedNodes } from '#server/nodes/identity-secret.ts';
import { NOT_BEFORE_MS, type Pki } from '#server/pki/pki.ts';
import { SERVER_USER } from './access.plan.ts';
import type { Broker } from './broker.ts';
import { runClusterSession } from './cluster-session.ts';
import { EmbeddedBroker } from './embedded/embedded-broker.ts';
import { findMosquitto, ManagedBroker } from './managed-broker.ts';
import { isMqttUser, mqttUsersOf } from './mqtt-users.ts';
import { watchBroker } from './watch-broker.ts';

export interface TelemetryOptions {
  /** `off`, `managed`, `embedded`, the URL of a broker, or '' for managed where mosquitto is installed, else embedded. */
  readonly mqtt: string;
  readonly listen: HostPort;
  readonly passwordListen: HostPort;
  readonly intervalMs: number;
  readonly advertiseAddress: string;
  readonly dataDir: string;
  readonly searchPath: string;
  readonly pki: Pki;
  readonly client: ApiClient;
  readonly dispatch: Dispatch;
  readonly informers: InformerFactory;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

export interface Telemetry {
  /** What boards are told; undefined: there is no MQTT. */
  readonly boards:
    | { readonly url: string; readonly boardCertificate: boolean; readonly intervalMs: number }
    | undefined;
  /** Runs until the signal; never rejects. The informers have synced. */
  run(signal: AbortSignal): Promise<void>;
}

const LOCAL_PORT = 1883;
const CERTIFICATE_MS = 365 * 86_400_000;
/** Every certificate of the server is for this name too. */
const SERVER_NAME = 'kubernetes';

/** Decides what there is; starts nothing yet. */
export function openTelemetry(options: TelemetryOptions): Telemetry {
  const { mqtt, intervalMs, listen, advertiseAddress, searchPath, log } = options;
  if (mqtt === 'off') return { boards: undefined, run: async () => {} };
  if (mqtt !== '' && mqtt !== 'managed' && mqtt !== 'embedded') {
    return {
      boards: { url: mqtt, boardCertificate: false, intervalMs },
      run: (signal) => runClusterSession(options, { url: mqtt }, signal),
    };
  }
  const program = mqtt === 'embedded' ? undefined : findMosquitto(searchPath);
  if (mqtt === 'managed' && !program)
    log.error('--mqtt managed needs mosquitto (apt-get install mosquitto), taking the embedded broker');
  return {
    boards: { url: urlOf(advertiseAddress, listen.port), boardCertificate: true, intervalMs },
    run: (signal) => runOwn(options, program, signal),
  };
}

/** A broker of our own, with whoever may use it, and us as its first client. */
async function runOwn(
  options: TelemetryOptions,
  program: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { listen, passwordListen, dataDir, pki, informers, clock, random, log } = options;
  const common = {
    boards: listen,
    people: passwordListen,
    localPort: LOCAL_PORT,
    ca: pki.ca.cert,
    ...pki.serving,
    clock,
    random,
    log,
  };
  const broker: Broker = program
    ? new ManagedBroker({ ...common, program, directory: runDirOf(dataDir) })
    : new EmbeddedBroker(common);
  const boards = informers.for(nodes);
  const people = informers.for(secrets);
  const admit = (): void => {
    const revoked = revokedNodes(people.list());
    const nodeNames = boards.list().map(({ metadata }) => metadata.name ?? '');
    broker.admit({
      nodeNames: nodeNames.filter((name) => !revoked.has(name)),
      users: mqttUsersOf(people.list()),
    });
  };
  const ends = [
    // A node's status changes all the time; its coming and going is rare.
    boards.onChange((type) => {
      if (type !== 'MODIFIED') admit();
    }),
    people.onChange((_, secret) => {
      if (isMqttUser(secret) || secret.type === IDENTITY_TYPE) admit();
    }),
  ];
  try {
    admit();
    const endpoint = serverEndpoint(pki, listen, clock.now());
    await Promise.all([
      broker.run(signal),
      runClusterSession(options, endpoint, signal, (connection) =>
        watchBroker(broker, connection, clock, signal),
      ),
    ]);
  } catch (err) {
    log.error('MQTT ended', { err });
  } finally {
    for (const end of ends) end();
  }
}

/** The server is a client of its own broker as boards are: with a certificate, made for this run alone. */
function serverEndpoint(pki: Pki, listen: HostPort, now: number): MqttEndpoint {
  const key = generateKey();
  const certificate = issueCertificate(pki.ca.issuer, {
    subject: { commonName: SERVER_USER },
    spki: spkiOf(key),
    notBeforeMs: NOT_BEFORE_MS,
    notAfterMs: Math.max(now, Date.UTC(2026, 0, 1)) + 10 * CERTIFICATE_MS,
    usages: ['client'],
  });
  const everywhere = listen.host === '0.0.0.0' || listen.host === '::';
  return {
    url: urlOf(everywhere ? '127.0.0.1' : listen.host, listen.port),
    tls: {
      ca: pki.ca.cert,
      cert: toPem('CERTIFICATE', certificate),
      key: keyToPem(key),
      servername: SERVER_NAME,
    },
  };
}

const urlOf = (host: string, port: number): string => `mqtts://${hostPort(host, port)}`;

/** In memory where that is ours to write; one for each data directory. */
function runDirOf(dataDir: string): string {
  if (process.getuid?.() !== 0) return join(dataDir, 'server/mqtt');
  if (dataDir === '/var/lib/coracle') return '/run/coracle-mqtt';
  return `/run/coracle-mqtt-${createHash('sha256').update(dataDir).digest('hex').slice(0, 10)}`;
}
