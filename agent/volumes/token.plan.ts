/** A service account token that the server gave, and what was asked for. */
export interface Token {
  readonly token: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

const DAY_MS = 24 * 3600_000;
/** What the server gives where a projection does not say. */
export const DEFAULT_EXPIRATION_SECONDS = 3600;

/**
 * True from 80 % of its life on, or after a day. Rule: upstream's `pkg/kubelet/token`. A clock that stepped back behind
 * the issue says nothing about the token: ask again.
 */
export function needsRefresh(token: Token, now: number): boolean {
  const life = token.expiresAtMs - token.issuedAtMs;
  return now < token.issuedAtMs - 60_000 || now > token.issuedAtMs + Math.min(0.8 * life, DAY_MS);
}
