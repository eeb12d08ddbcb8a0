import { caProof, NONCE_BYTES } from '#proto/agent/ca-proof.ts';
import type { Clock } from '#proto/meta/clock.ts';
import {
  badRequest,
  isAlreadyExists,
  isConflict,
  StatusError,
  unauthorized,
} from '#proto/meta/status-error.ts';
import { type Issuer, issueCertificate } from '#proto/pki/certificate.ts';
import { type Csr, parseCsr } from '#proto/pki/csr.ts';
import { EARLIEST_NOW } from '#proto/time/board-time.plan.ts';
import { findBootstrapToken, findTokenById } from '#server/apiserver/authn/bootstrap-token.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import { decideJoin, type NodeIdentity, refusalOf } from '#server/nodes/identity.plan.ts';
import type { BoardCertificates, JoinAttempt, RenewalAttempt } from '#server/nodes/link-server.ts';
import { type KnownIdentity, keyHash } from '#server/nodes/node-identities.ts';
import { sameSecret } from '#server/tokens/token-format.ts';

/** With a token of this group a board may take the name of one that is connected right now. */
export const REPLACE_GROUP = 'system:bootstrappers:coracle:replace-node';

export interface JoinDeps {
  readonly issuer: Issuer;
  readonly reader: ObjectReader;
  /** `id.secret` tokens that hold for ever: the server's own and that of `--token`. Empty ones never match. */
  readonly joinTokens: readonly string[];
  /** Is a board of this name connected? */
  readonly isLive: (nodeName: string) => boolean;
  readonly identities: { get(nodeName: string): KnownIdentity | undefined };
  /** Rejects with a conflict where `before` is not what is known any more. */
  readonly record: (identity: NodeIdentity, before: KnownIdentity | undefined) => Promise<void>;
  /** A board took a name that another key had. */
  readonly onTaken: (nodeName: string, peer: string, sameHardware: boolean) => void;
  readonly clock: Clock;
}

const DAY_MS = 86_400_000;
/** Long, because a board may lie in a drawer for months and should come back by itself; renewed online. */
export const NODE_CERTIFICATE_MS = 365 * DAY_MS;
const NODE_NAME = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/**
 * Hands out certificates of nodes (CN=system:node:<name>, O=system:nodes); whose a name is: see `identity.plan.ts`. What
 * is known of the board is on disk before it gets its certificate.
 */
export function createBoardCertificates(deps: JoinDeps): BoardCertificates {
  return {
    join: (request) => joinBoard(deps, request),
    renew: (request) => renewBoard(deps, request),
    prove: async ({ tokenId, nonce }) => proveCa(deps, { tokenId, nonce }),
    adopt: async (nodeName, key, hardware) => {
      const known = deps.identities.get(nodeName);
      if (known && (known.key !== key || known.hardware !== '' || hardware === '')) return;
      // A board from before identities were kept, or one that was allowed in again: it is known from now on.
      const sinceMs = known?.sinceMs ?? deps.clock.now();
      const { revokedMs } = known ?? {};
      await deps.record({ name: nodeName, key, hardware, sinceMs, revokedMs }, known).catch(ignoreConflict);
    },
  };
}

/** A first certificate, DER, for who has a token. Rejects with 400, 401, 403, 409 or 503. */
async function joinBoard(deps: JoinDeps, request: JoinAttempt): Promise<Uint8Array> {
  const { token, nodeName, hardware, peer } = request;
  const permission = permissionOf(deps, token);
  if (!permission)
    throw unauthorized('the join token is wrong, or has expired: make a new one with "coracle token create"');
  const csr = checkedCsr(nodeName, request.csr);
  const key = keyHash(csr.spki);
  const { mayReplace } = permission;
  const verdict = await settle(async () => {
    const known = deps.identities.get(nodeName);
    const isLive = deps.isLive(nodeName);
    const decision = decideJoin(known, { nodeName, key, hardware, isLive, mayReplace });
    if ('message' in decision) throw refused(nodeName, decision.verdict, decision.message);
    if (decision.verdict !== 'same board' || known?.hardware !== hardware)
      await deps.record({ name: nodeName, key, hardware, sinceMs: deps.clock.now() }, known);
    return decision.verdict;
  });
  if (verdict === 'new key' || verdict === 'replaced') deps.onTaken(nodeName, peer, verdict === 'new key');
  return issue(deps, nodeName, csr);
}

/**
 * The next certificate, DER, of a board that has proved who it is: with its present certificate, or by signing the request
 * with the key on record. Rejects with 400, 401 or 403.
 */
async function renewBoard(deps: JoinDeps, request: RenewalAttempt): Promise<Uint8Array> {
  const { nodeName, hardware, isProven } = request;
  const csr = checkedCsr(nodeName, request.csr);
  const key = keyHash(csr.spki);
  await settle(async () => {
    const known = deps.identities.get(nodeName);
    const refusal = refusalOf(known, key);
    if (refusal)
      throw new StatusError(known?.revokedMs === undefined ? 'Unauthorized' : 'Forbidden', refusal);
    if (!isProven && known?.key !== key)
      throw unauthorized('a client certificate of a node is needed, or a token: join first');
    if (known?.key === key && (known.hardware !== '' || hardware === '')) return;
    const sinceMs = known?.sinceMs ?? deps.clock.now();
    await deps.record({ name: nodeName, key, hardware, sinceMs }, known);
  });
  return issue(deps, nodeName, csr);
}

const ATTEMPTS = 3;

/** What was decided on an older state is decided again. */
async function settle<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = ATTEMPTS; ; left--) {
    try {
      return await attempt();
    } catch (err) {
      const stale = (isConflict(err) && !(err instanceof JoinRefusal)) || isAlreadyExists(err);
      if (!stale || left <= 1 || err instanceof JoinRefusal) throw err;
    }
  }
}

/** Refused by decision, not by a race. */
class JoinRefusal extends StatusError {}

function refused(nodeName: string, verdict: 'revoked' | 'taken' | 'later', message: string): StatusError {
  const reason = ({ revoked: 'Forbidden', taken: 'AlreadyExists', later: 'ServiceUnavailable' } as const)[
    verdict
  ];
  return new JoinRefusal(reason, message, { details: { name: nodeName, kind: 'nodes' } });
}

function ignoreConflict(err: unknown): void {
  if (!isConflict(err) && !isAlreadyExists(err)) throw err;
}

/** That this server knows the token of that id, bound to its CA. Throws 401, or 400 for a nonce that is too short. */
export function proveCa(
  { issuer, reader, joinTokens, clock }: JoinDeps,
  { tokenId, nonce }: { readonly tokenId: string; readonly nonce: Uint8Array },
): Uint8Array {
  if (nonce.length < NONCE_BYTES || nonce.length > 64) throw badRequest('the nonce must have 16 to 64 bytes');
  const token =
    joinTokens.find((known) => known.startsWith(`${tokenId}.`)) ??
    findTokenById(reader, tokenId, clock.now());
  if (token === undefined)
    throw unauthorized('the join token is wrong, or has expired: make a new one with "coracle token create"');
  return caProof(token, nonce, issuer.certificate);
}

function permissionOf(deps: JoinDeps, text: string): { readonly mayReplace: boolean } | undefined {
  // All are compared, so that the time does not tell which one it was.
  let known = false;
  for (const token of deps.joinTokens) known = (token !== '' && sameSecret(token, text)) || known;
  if (known) return { mayReplace: false };
  const stored = findBootstrapToken(deps.reader, text, deps.clock.now());
  return stored && { mayReplace: stored.groups.includes(REPLACE_GROUP) };
}

function checkedCsr(nodeName: string, der: Uint8Array): Csr {
  if (!NODE_NAME.test(nodeName)) throw badRequest(`${JSON.stringify(nodeName)} is no name for a node`);
  let csr: Csr;
  try {
    csr = parseCsr(der);
  } catch (err) {
    throw badRequest('the certificate request can not be read', err);
  }
  const { commonName, organizations } = csr.subject;
  if (commonName !== `system:node:${nodeName}` || organizations.join() !== 'system:nodes') {
    throw badRequest(`the certificate request must be for CN=system:node:${nodeName}, O=system:nodes`);
  }
  return csr;
}

const issue = ({ issuer, clock }: JoinDeps, nodeName: string, csr: Csr): Uint8Array =>
  issueCertificate(issuer, {
    subject: csr.subject,
    spki: csr.spki,
    notBeforeMs: 0,
    notAfterMs: Math.max(clock.now(), EARLIEST_NOW) + NODE_CERTIFICATE_MS,
    usages: ['client', 'server'],
    alternativeNames: [nodeName],
  });
