import type { TLSSocket } from 'node:tls';

/** Who asks. Rule: `authentication.k8s.io/v1` UserInfo. */
export interface UserInfo {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** What an authenticator may look at. */
export interface Credentials {
  readonly authorization: string | undefined;
  /** Present for requests that came over TLS. */
  readonly socket: Pick<TLSSocket, 'authorized' | 'getPeerCertificate' | 'once' | 'destroy'> | undefined;
}

/** The user; undefined where this authenticator has no opinion; throws 401 for a credential that is bad. */
export interface Authenticator {
  authenticate(credentials: Credentials): Promise<UserInfo | undefined>;
}
