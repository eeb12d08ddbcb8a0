/**
 * `npm run bench`, or `npm run bench -- deployments` for some parts alone: one JSON document on stdout, progress on
 * stderr. Parts that are of one process need neither root nor boards.
 */
import { cpus, loadavg, totalmem } from 'node:os';
import type { Progress } from './progress.ts';

/** Loaded when they are asked for: boards need root. */
const PARTS: Readonly<Record<string, (progress: Progress) => Promise<unknown>>> = {
  board: async (progress) => (await import('./board.ts')).benchBoard(progress),
  cluster: async (progress) => (await import('./cluster.ts')).benchCluster(progress),
  deployments: async (progress) => (await import('./deployments.ts')).benchDeployments(progress),
  dns: async (progress) => (await import('./dns.ts')).benchDns(progress),
  ingress: async (progress) => (await import('./ingress.ts')).benchIngress(progress),
  mqtt: async (progress) => (await import('./mqtt.ts')).benchMqtt(progress),
  services: async (progress) => (await import('./services.ts')).benchServices(progress),
  scheduler: async (progress) => (await import('./scheduler.ts')).benchScheduler(progress),
  storm: async (progress) => (await import('./storm.ts')).benchStorm(progress),
  telemetry: async (progress) => (await import('./telemetry.ts')).benchTelemetry(progress),
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(PARTS, name));
if (unknown.length > 0) {
  process.stderr.write(`bench: no part ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}\n`);
  process.exit(2);
}
const results: Record<string, unknown> = {
  at: new Date().toISOString(),
  machine: {
    arch: process.arch,
    cpus: cpus().length,
    memoryBytes: totalmem(),
    node: process.version,
    loadAverages: loadavg().map((load) => Math.round(load * 100) / 100),
  },
};
for (const [name, run] of Object.entries(PARTS)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  results[name] = await run((line) => process.stderr.write(`bench: ${name}: ${line}\n`));
}
process.stdout.write(`${JSON.stringify(results, null, 2)}\n`, () => process.exit());
