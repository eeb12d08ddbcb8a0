import { connect } from 'node:net';

const TIMEOUT_MS = 5_000;

/** Sends lines to a HAProxy's runtime socket; resolves with what it answered. Rejects when it does not answer. */
export function askProxy(socketPath: string, commands: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(socketPath);
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`no answer from ${socketPath}`)));
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => (answer += text));
    socket.once('error', reject);
    socket.once('close', () => resolve(answer));
    socket.end(`${commands.join(';')}\n`);
  });
}
