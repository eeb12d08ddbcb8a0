/** Cluster DNS alone in a process, with the names of many Services: prints the port that it answers on, until it is killed. */
import { DnsServer } from '#agent/net/dns/dns-server.ts';
import { Responder } from '#agent/net/dns/responder.ts';
import { buildZone } from '#agent/net/dns/zone.plan.ts';
import { aService, aSlice } from '#agent/net/services/fixtures.ts';
import { createLogger } from '#proto/meta/log.ts';

const count = Number(process.argv[2]);
const services = Array.from({ length: count }, (_, i) =>
  aService(`s${i}`, { clusterIP: `10.43.${i >> 8}.${i & 255}` }),
);
const slices = [
  aSlice(
    'headless',
    Array.from({ length: 5 }, (_, i) => `10.42.1.${i + 2}@pi`),
  ),
];
const zone = buildZone({
  domain: 'cluster.local',
  services: [...services, aService('headless', { clusterIP: 'None' })],
  slices,
  ranges: ['10.42.0.0/16', '10.43.0.0/16'],
  complete: true,
});
const server = await DnsServer.listen({
  address: '127.0.0.1',
  port: 0,
  responder: new Responder({
    zone: () => zone,
    upstream: { ask: async () => undefined, cameBack: () => false },
  }),
  log: createLogger('error'),
});
process.stdout.write(`${server.port}\n`);
