import type { HostPort } from '#proto/config/options.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { reconnectDelayMs } from './backoff.plan.ts';
import type { Identity, IdentityStore } from './identity.ts';
import { JoinRefused, joinCluster } from './join.ts';
import type { ServerFinder } from './server-finder.ts';

export interface PatientJoin {
  readonly token: string;
  readonly nodeName: string;
  readonly hardware: string;
  readonly store: IdentityStore;
  readonly servers: ServerFinder;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Proves the token, as often as it takes while the server is away. A server that refuses it for good ends this where the operator
 * named the server; one that was found on the network may be another cluster's. Undefined when the agent was told to stop meanwhile.
 */
export async function joinWithPatience(
  options: PatientJoin,
  signal: AbortSignal,
): Promise<Identity | undefined> {
  const { token, servers, clock, log } = options;
  if (!token)
    throw new Error(
      'this board has not joined a cluster yet: --token is needed, "coracle token create" on the server makes one',
    );
  for (let attempt = 0; !signal.aborted; attempt++) {
    const links = await servers.all();
    for (const link of links) {
      const identity = await tryOne(options, link, attempt);
      if (identity) return identity;
    }
    if (links.length === 0 && attempt === 0)
      log.warn('no server answers on the LAN yet; --server names one that is elsewhere');
    await clock.sleep(reconnectDelayMs(attempt, Math.random()), signal).catch(() => {});
  }
  return undefined;
}

async function tryOne(
  { token, nodeName, hardware, store, servers, log }: PatientJoin,
  link: HostPort,
  attempt: number,
): Promise<Identity | undefined> {
  const server = `${link.host}:${link.port}`;
  try {
    const identity = await joinCluster({ link, token, nodeName, hardware, store });
    servers.confirm(link);
    log.info('joined the cluster', { node: nodeName, server });
    return identity;
  } catch (err) {
    if (err instanceof JoinRefused && servers.isFixed) throw err;
    if (attempt === 0) log.warn('the server can not be joined yet', { server, err });
    else log.debug('still no server', { attempt, err });
    return undefined;
  }
}
