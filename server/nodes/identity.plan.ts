/**
 * Whose is a node's name? Pure. A board proves itself by its key; the server keeps, for each name, which key that is and on which
 * hardware it was made. A certificate is good while its key is the one on record: another board in the same place, or a
 * revocation, ends it at once, and no list of old serial numbers grows.
 *
 * What a join token buys: a name that nobody has; or the name of a board that is away, for the same hardware: a board that was
 * flashed anew. It does not buy the name of a board that is connected, nor that of other hardware. The hardware's id is no
 * secret against who has held the board; who joins with it is seen all the same: an Event tells of it, and the board that
 * had the name is refused from then on and says so.
 */

export interface NodeIdentity {
  readonly name: string;
  /** SHA-256 of the SubjectPublicKeyInfo, hex; '': of the next board that comes. */
  readonly key: string;
  /** What the board says of its hardware, hashed; '': nothing is known. */
  readonly hardware: string;
  /** Epoch milliseconds; when this board took the name. */
  readonly sinceMs: number;
  /** Shut out since then. */
  readonly revokedMs?: number | undefined;
}

export interface JoinWish {
  readonly nodeName: string;
  readonly key: string;
  readonly hardware: string;
  /** A board of this name is connected now. */
  readonly isLive: boolean;
  /** The token lets a board take any name. */
  readonly mayReplace: boolean;
}

export type JoinDecision =
  | { readonly verdict: 'new' | 'same board' | 'new key' | 'replaced' }
  /** `later`: the same attempt may succeed when the other connection is found dead. */
  | { readonly verdict: 'revoked' | 'taken' | 'later'; readonly message: string };

/** May a board with a valid token have this name? */
export function decideJoin(known: NodeIdentity | undefined, wish: JoinWish): JoinDecision {
  const { nodeName, key, hardware, isLive, mayReplace } = wish;
  const name = JSON.stringify(nodeName);
  if (known?.revokedMs !== undefined) return { verdict: 'revoked', message: revoked(nodeName) };
  const sameKey = known !== undefined && known.key === key;
  const sameHardware = known !== undefined && known.hardware !== '' && known.hardware === hardware;
  if (isLive && !mayReplace && !sameKey) {
    return sameHardware
      ? {
          verdict: 'later',
          message: `node ${name} is still connected: if that was this board, it is noticed within a minute`,
        }
      : {
          verdict: 'taken',
          message: `nodes ${name} already exists and is connected: choose another --node-name`,
        };
  }
  if (!known || known.key === '') return { verdict: 'new' };
  if (sameKey) return { verdict: 'same board' };
  if (sameHardware) return { verdict: 'new key' };
  if (mayReplace) return { verdict: 'replaced' };
  return {
    verdict: 'taken',
    message:
      `nodes ${name} already exists and is another board: its hardware is not this one's. Choose another --node-name, ` +
      `or, for this board to take its place, run "coracle node allow ${nodeName}" on the server`,
  };
}

/** Why a certificate of this node, with this key, is no good; undefined: it is. */
export function refusalOf(known: NodeIdentity | undefined, key: string): string | undefined {
  if (!known) return undefined;
  if (known.revokedMs !== undefined) return revoked(known.name);
  if (known.key === '' || known.key === key) return undefined;
  return `the name of node ${JSON.stringify(known.name)} was given to another key: a board has joined anew under it`;
}

const revoked = (name: string): string =>
  `node ${JSON.stringify(name)} was revoked: "coracle node allow ${name}" on the server lets it in again`;
