import type { Duplex } from 'node:stream';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Address } from '#server/apiserver/streams/endpoint.plan.ts';

/** One connection that a client upgraded: exec, attach and port-forward of a Pod, raw bytes both ways. */
export interface TunnelRequest {
  readonly kind: 'exec' | 'attach' | 'portforward';
  readonly pod: Pod;
  /** The node that runs the Pod. */
  readonly node: string;
  /** The client's request line and headers: the board replays them to its container runtime. */
  readonly method: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** Without `?`. */
  readonly query: string;
}

/**
 * What lies behind the API server on a Pod's node. The caller is authenticated and authorized, the Pod exists and
 * is bound. Both reject with a StatusError; once a tunnel has begun, errors close it.
 */
export interface NodeStreams {
  /** `query` as of `pods/log`: container, follow, previous, tailLines, sinceSeconds, timestamps, limitBytes. */
  openLog(pod: Pod, query: URLSearchParams): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Joins the client's socket to the node until either side ends. `head` is what the client has sent behind its
   * request. The board's answer, status line included, goes to the socket as it is.
   */
  tunnel(request: TunnelRequest, socket: Duplex, head: Uint8Array): Promise<void>;
  /**
   * A TCP connection that the node opens to `address`: to a Pod, or to itself. Rejects, also where nobody listens there,
   * with words that say why: `dial tcp 10.42.0.7:443: connect: connection refused`.
   */
  dial(node: string, address: Address): Promise<Duplex>;
  /** A connection to the HTTP server of the node's agent: what a kubelet serves, in clear text inside of the link. */
  dialAgent(node: string): Promise<Duplex>;
}
