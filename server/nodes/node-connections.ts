import type { Authenticator, Credentials, UserInfo } from '#server/apiserver/authn/authenticator.ts';

const NODE_USER = 'system:node:';
const NODE_OF_POD = 'authentication.kubernetes.io/node-name';

type Socket = NonNullable<Credentials['socket']>;

/**
 * The API's connections that a node or one of its Pods has used, by node: a watch that was begun before the node was shut out
 * would go on otherwise, for who asks is settled when a request begins.
 */
export class NodeConnections {
  readonly #open = new Map<string, Set<Socket>>();
  readonly #known = new WeakMap<Socket, Set<string>>();

  /** Notes whom the authenticator recognises. */
  noting(authenticator: Authenticator): Authenticator {
    return {
      authenticate: async (credentials) => {
        const user = await authenticator.authenticate(credentials);
        const node = user && nodeOf(user);
        if (node && credentials.socket) this.#note(node, credentials.socket);
        return user;
      },
    };
  }

  /** Ends all that the node has open. */
  cut(nodeName: string): void {
    for (const socket of this.#open.get(nodeName) ?? []) socket.destroy();
  }

  #note(node: string, socket: Socket): void {
    const known = this.#known.get(socket) ?? new Set();
    if (known.has(node)) return;
    this.#known.set(socket, known.add(node));
    const sockets = this.#open.get(node) ?? new Set();
    this.#open.set(node, sockets.add(socket));
    socket.once('close', () => {
      sockets.delete(socket);
      if (sockets.size === 0 && this.#open.get(node) === sockets) this.#open.delete(node);
    });
  }
}

function nodeOf({ name, extra }: UserInfo): string | undefined {
  return name.startsWith(NODE_USER) ? name.slice(NODE_USER.length) : extra?.[NODE_OF_POD]?.[0];
}
