import { VERSION } from '#proto/version.ts';
import { ApiEventRecorder } from '#server/client/events.ts';
import type { InformerFactory } from '#server/client/informer-factory.ts';
import { identityTaken, nodeReference } from '#server/nodes/identity.events.ts';
import { createInformerSource } from '#server/nodes/informer-source.ts';
import { createBoardCertificates } from '#server/nodes/join.ts';
import { LinkServer } from '#server/nodes/link-server.ts';
import { recordIdentity } from '#server/nodes/node-identities.ts';
import type { KeyPair, Pki } from '#server/pki/pki.ts';
import type { Telemetry } from '#server/telemetry/telemetry.ts';
import type { Access } from './access.ts';
import type { StartedApi } from './api.ts';
import type { Foundation } from './foundation.ts';

/** The boards' way in: they join, are fed what they run, and report. It takes nobody before it listens. */
export function createLink(
  { options, keys, services, clock, log }: Foundation,
  { reader, identities }: Access,
  { api, client, boards, usage }: StartedApi,
  informers: InformerFactory,
  telemetry: Telemetry,
): LinkServer {
  const pki = keys.current;
  const events = new ApiEventRecorder({ client, clock, log, component: 'coracle-server' });
  return new LinkServer({
    listen: options.agentListen,
    ca: pki.ca.cert,
    serving: servingChain(pki),
    caDer: pki.ca.der,
    boards,
    source: createInformerSource(informers, { ingress: !options.disable.includes('ingress'), log }),
    dispatch: api.dispatch,
    certificates: createBoardCertificates({
      issuer: pki.ca.issuer,
      reader,
      joinTokens: [pki.joinToken, options.token],
      isLive: (nodeName) => boards.get(nodeName) !== undefined,
      identities,
      record: (identity, before) => recordIdentity(client, identity, before),
      onTaken: (name, peer, sameHardware) =>
        events.event(nodeReference(name), identityTaken(name, peer, sameHardware)),
      clock,
    }),
    gate: identities,
    network: {
      clusterDns: services.at(10),
      dnsElsewhere: options.disable.includes('dns'),
      clusterDomain: options.clusterDomain,
      serviceCidr: options.serviceCidr,
      clusterCidr: options.clusterCidr,
      network: options.network,
      tunnelPort: options.tunnelPort,
    },
    ...(telemetry.boards ? { mqtt: telemetry.boards } : {}),
    usage,
    version: VERSION,
    now: () => clock.now(),
    log,
  });
}

/** Boards see the CA too: one that joins knows it by its pin. */
export const servingChain = ({ serving, ca }: Pki): KeyPair => ({
  ...serving,
  cert: `${serving.cert}${ca.cert}`,
});
