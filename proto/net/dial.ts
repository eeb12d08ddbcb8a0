import { connect, type Socket } from 'node:net';
import { hostPort } from './host-port.ts';

/** An address that swallows what is sent to it is given up after this time. */
const CONNECT_MS = 10_000;

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  ECONNRESET: 'connect: connection reset by peer',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'connect: connection timed out',
};
const STREAM_WORDS: Readonly<Record<string, string>> = {
  ECONNRESET: 'connection reset by peer',
  EPIPE: 'broken pipe',
  ETIMEDOUT: 'connection timed out',
};

/**
 * A TCP connection that half-closes. Rejects in Go's words, as people know them from upstream's messages:
 * `dial tcp 10.42.0.7:443: connect: connection refused`.
 */
export function dialTcp(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true, timeout: CONNECT_MS });
    const fail = (err: NodeJS.ErrnoException): void => reject(new Error(socketError(host, port, err)));
    socket.once('timeout', () => socket.destroy(new Error('i/o timeout')));
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.off('error', fail);
      socket.setTimeout(0);
      socket.removeAllListeners('timeout');
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}

/** What a socket to that address met, as Go says it; other errors in their own words. */
export function socketError(host: string, port: number, err: NodeJS.ErrnoException): string {
  const { syscall, code = '' } = err;
  if (syscall === 'read' || syscall === 'write')
    return `${syscall} tcp ${hostPort(host, port)}: ${syscall}: ${STREAM_WORDS[code] ?? err.message}`;
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${host}: no such host`;
  return `dial tcp ${hostPort(host, port)}: ${WORDS[code] ?? err.message}`;
}
