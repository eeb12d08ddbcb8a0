/** The server, put together. Read from top to bottom it is the architecture; each part is in `start/`. */

import { keepBackups } from './backup/keep-backups.ts';
import { ApiEventRecorder } from './client/events.ts';
import { InformerFactory } from './client/informer-factory.ts';
import type { ServerOptions } from './options.ts';
import { keepCertificates } from './pki/keep-certificates.ts';
import { writeKubeconfig } from './pki/kubeconfig.ts';
import type { Pki } from './pki/pki.ts';
import { openAccess } from './start/access.ts';
import { startApi } from './start/api.ts';
import { createClusterObjects } from './start/cluster-objects.ts';
import { openFoundation } from './start/foundation.ts';
import { answerOnLan } from './start/lan.ts';
import { createLink, servingChain } from './start/link.ts';
import { runOwnAgent } from './start/own-agent.ts';
import { createWorkloads } from './start/workloads.ts';
import { openTelemetry } from './telemetry/telemetry.ts';

/** Runs until SIGTERM or SIGINT; then ends watches and sessions, flushes the store, and stops the agent of this board. */
export async function main(options: ServerOptions): Promise<void> {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort(new Error(name)));
  const { signal } = stop;

  // What the cluster is made of, who asks, and the API between them.
  const foundation = await openFoundation(options);
  const { log, clock, time, store, keys, advertiseAddress, backupSource } = foundation;
  const access = await openAccess(foundation);
  const served = await startApi(foundation, access);
  const { api, client } = served;
  const objects = createClusterObjects(foundation, served, access.reader);
  await objects.ensure();
  const pki = keys.current;
  const port = await api.listen({ ...options.listen, ...pki.serving, clientCa: pki.ca.cert });
  log.info('the API is served', { address: `https://${advertiseAddress}:${port}` });
  const tellAdministrator = ({ ca, admin }: Pki): void =>
    writeKubeconfig(options.writeKubeconfig, {
      server: `https://127.0.0.1:${port}`,
      ca: ca.cert,
      ...admin,
    });
  tellAdministrator(pki);

  // Boards, and what makes the cluster work, all on the same informers.
  const informers = new InformerFactory({ client, clock, log });
  objects.keep(informers);
  const telemetry = openTelemetry({
    mqtt: options.mqtt,
    listen: options.mqttListen,
    passwordListen: options.mqttPasswordListen,
    intervalMs: options.mqttInterval * 1_000,
    advertiseAddress,
    dataDir: options.dataDir,
    searchPath: process.env['PATH'] ?? '',
    pki,
    client,
    dispatch: api.dispatch,
    informers,
    clock,
    random: Math.random,
    log,
  });
  const link = createLink(foundation, access, served, informers, telemetry);
  const workloads = createWorkloads(foundation, access, served, informers);
  informers.start(signal);
  await informers.whenSynced(signal);
  const working = workloads.run(signal, (err) => {
    // Whoever starts this program again gives it a new chance to lead.
    process.exitCode = 1;
    stop.abort(err);
  });
  const telling = telemetry.run(signal);
  const saving = keepBackups(
    {
      source: backupSource,
      place: options.backupTo,
      cron: options.backupSchedule,
      keep: options.backupKeep,
      endpoint: options.backupS3Endpoint,
      region: options.backupS3Region,
      reader: access.reader,
      events: new ApiEventRecorder({ client, clock, log, component: 'backup' }),
      clock,
      log,
    },
    signal,
  );
  const timing = time.run(signal);
  // A board that connects finds the caches filled: what it is fed is whole.
  const linkPort = await link.listen();
  const keeping = keepCertificates(
    {
      open: keys.open,
      current: pki,
      apply: (renewed) => {
        keys.current = renewed;
        api.useCertificate(renewed.serving);
        link.useCertificate(servingChain(renewed));
        tellAdministrator(renewed);
      },
      clock,
      log,
    },
    signal,
  );
  log.info('boards are served', { address: `${advertiseAddress}:${linkPort}` });

  const onLan = answerOnLan(foundation, port, linkPort, signal);
  const agent = options.noAgent ? Promise.resolve() : runOwnAgent(foundation, port, linkPort, signal);
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

  log.info('stopping', { reason: (signal.reason as Error).message });
  link.close();
  served.webhooks.close();
  await Promise.all([agent, telling, keeping, timing, onLan, saving, working, api.close()]);
  served.audit?.close();
  await store.close();
}
