import { createHash } from 'node:crypto';
import { unauthorized } from '#proto/meta/status-error.ts';
import type { Authenticator, Credentials, UserInfo } from '#server/apiserver/authn/authenticator.ts';
import { keyHashOf, type NodeGate } from '#server/nodes/node-identities.ts';

/**
 * Client certificates: the common name is the user, the organizations are its groups. Only what the TLS layer verified
 * against our CA counts. One of another CA, or an expired one, is as good as none: another credential of the same
 * request may hold. Rule: upstream's `CommonNameUserConversion`.
 */
export class ClientCertificateAuthenticator implements Authenticator {
  /** Reading a certificate costs more than all else of a small request, and a connection's does not change. */
  readonly #known = new WeakMap<NonNullable<Credentials['socket']>, { user: UserInfo; nodeKey?: string }>();
  readonly #nodes: NodeGate | undefined;

  /** `nodes`: which certificates of nodes still hold; asked for each request, so that a revocation holds at once. */
  constructor(nodes?: NodeGate) {
    this.#nodes = nodes;
  }

  async authenticate({ socket }: Credentials): Promise<UserInfo | undefined> {
    if (!socket?.authorized) return undefined;
    const known = this.#known.get(socket);
    if (known) return this.#admitted(known);
    const { subject, raw, ext_key_usage: usages } = socket.getPeerCertificate();
    if (!raw) return undefined;
    // TLS verifies the chain for clients only where a usage is named; one for servers alone is no login.
    if (usages && !usages.includes(CLIENT_AUTH)) throw unauthorized();
    const name = single(subject.CN);
    if (!name) throw unauthorized();
    const groups = [subject.O ?? []].flat();
    const fingerprint = createHash('sha256').update(raw).digest('hex');
    const user = {
      name,
      groups: [...new Set([...groups, 'system:authenticated'])],
      extra: { [CREDENTIAL_ID]: [`X509SHA256=${fingerprint}`] },
    };
    const isNode = name.startsWith(NODE_PREFIX) && groups.includes('system:nodes');
    const read = isNode ? { user, nodeKey: keyHashOf(raw) } : { user };
    this.#known.set(socket, read);
    return this.#admitted(read);
  }

  #admitted({ user, nodeKey }: { user: UserInfo; nodeKey?: string }): UserInfo {
    if (nodeKey !== undefined && this.#nodes?.refusal(user.name.slice(NODE_PREFIX.length), nodeKey))
      throw unauthorized();
    return user;
  }
}

const NODE_PREFIX = 'system:node:';
const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/** Two common names would let two readers see two users. */
const single = (name: string | string[] | undefined): string | undefined =>
  Array.isArray(name) ? undefined : name;
