/**
 * Loaded only when the dates of the server's certificate do not fit the board's clock: asks the server for the time over a
 * connection whose other end has proved that it has the key of a certificate of the cluster's CA, whatever its dates.
 */
import { X509Certificate } from 'node:crypto';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { HostPort } from '#proto/config/options.ts';
import { SERVER_NAME } from './join.ts';

const ANSWER_MS = 10_000;

/** Epoch milliseconds, to the second. Rejects where the server does not prove itself. `ca`: PEM. */
export async function provenServerTime(link: HostPort, ca: string): Promise<number> {
  const socket = await proven(link, new X509Certificate(ca));
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`https://${SERVER_NAME}`, { createConnection: () => socket });
    const fail = (err: Error): void => {
      session.destroy();
      reject(err);
    };
    session.once('error', fail);
    const stream = session.request({ ':method': 'POST', ':path': '/', 'content-type': 'application/grpc' });
    stream.setTimeout(ANSWER_MS, () => fail(new Error('no answer')));
    stream.once('error', fail);
    stream.once('response', ({ date }) => {
      session.destroy();
      const ms = Date.parse(String(date));
      if (Number.isNaN(ms)) reject(new Error('the server does not tell the time'));
      else resolve(ms);
    });
    stream.end();
  });
}

/** Signed by the CA, for the server's name; TLS itself has seen to it that the other end has the key. */
function proven(link: HostPort, ca: X509Certificate): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      ...link,
      servername: SERVER_NAME,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
    });
    const fail = (err: Error): void => {
      socket.destroy();
      reject(err);
    };
    socket.setTimeout(ANSWER_MS, () => fail(new Error(`no answer from ${link.host}:${link.port}`)));
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      const leaf = socket.getPeerX509Certificate();
      if (!leaf?.checkIssued(ca) || !leaf.verify(ca.publicKey) || !leaf.checkHost(SERVER_NAME))
        return fail(new Error(`${link.host}:${link.port} is no server of this cluster`));
      socket.off('error', fail);
      resolve(socket);
    });
  });
}
