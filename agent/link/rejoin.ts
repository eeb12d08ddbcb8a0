/** Loaded only when the server does not take this board's certificate any more. */
import type { HostPort } from '#proto/config/options.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { Identity, IdentityStore } from './identity.ts';
import { connectLink, joinCluster, renewCertificate } from './join.ts';

/**
 * A board that the server knows by its key gets a certificate in place of one that has ended; another may join anew with the
 * token that it was started with, under the rules of any join. Undefined: neither worked, and the log says why.
 */
export async function rejoin(
  board: {
    readonly link: HostPort;
    readonly token: string;
    readonly nodeName: string;
    readonly hardware: string;
    readonly store: IdentityStore;
  },
  log: Logger,
): Promise<Identity | undefined> {
  const { link, token, nodeName, hardware, store } = board;
  const ca = store.load()?.ca ?? '';
  const client = connectLink(link, ca);
  try {
    const identity = await renewCertificate(client, { nodeName, hardware }, store);
    log.info('the certificate was not good any more, the key was', { node: nodeName });
    return identity;
  } catch (err) {
    if (!token) log.warn('the server does not know this board any more', { err });
    else log.info('the server does not know this board any more, joining again', { err });
  } finally {
    client.close();
  }
  if (!token) return undefined;
  try {
    const identity = await joinCluster(board);
    log.info('joined the cluster again', { node: nodeName });
    return identity;
  } catch (err) {
    log.warn('this board could not join again', { err });
    return undefined;
  }
}
