import { serviceUnavailable } from '#proto/meta/status-error.ts';
import { dialTcp } from '#proto/net/dial.ts';
import type { NodeStreams } from '#server/apiserver/streams/node-streams.ts';

/** A cluster without boards: logs are empty, tunnels end at once, and this machine stands for every node. */
export const noBoards: NodeStreams = {
  openLog: async () => (async function* () {})(),
  tunnel: async (_request, socket) => void socket.end(),
  dial: (node, { host, port }) =>
    node === 'gone'
      ? Promise.reject(serviceUnavailable(`node "${node}" is not connected`))
      : dialTcp(host, port),
  dialAgent: (node) => Promise.reject(serviceUnavailable(`node "${node}" is not connected`)),
};
