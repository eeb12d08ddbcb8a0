import { caProof, NONCE_BYTES } from '#proto/agent/ca-proof.ts';
import type { Clock } from '#proto/meta/clock.ts';
import { badRequest, StatusError, unauthorized } from '#proto/meta/status-error.ts';
import { type Issuer, issueCertificate } from '#proto/pki/certificate.ts';
import { type Csr, parseCsr } from '#proto/pki/csr.ts';
import { findBootstrapToken, findTokenById } from '#server/apiserver/authn/bootstrap-token.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import type { BoardCertificates } from '#server/nodes/link-server.ts';
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
  readonly clock: Clock;
}

const DAY_MS = 86_400_000;
/** Long, because a board may lie in a drawer for months and should come back by itself; renewed online. */
export const NODE_CERTIFICATE_MS = 365 * DAY_MS;
/** A server that started without a clock must not issue what is over once it has the time. */
const EARLIEST_NOW = Date.UTC(2026, 0, 1);
const NODE_NAME = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/**
 * Hands out certificates of nodes (CN=system:node:<name>, O=system:nodes).
 *
 * Whose name is it? A board proves itself with a token once and with its key from then on. A name whose board is
 * connected is taken: nobody else gets it, unless the token says so ({@link REPLACE_GROUP}). A name whose board is
 * away may be joined again with any token: that is how a re-flashed board gets its identity back.
 */
export function createBoardCertificates(deps: JoinDeps): BoardCertificates {
  return {
    join: async ({ token, nodeName, csr }) => joinBoard(deps, { token, nodeName, csr }),
    renew: async ({ nodeName, csr }) => renewBoard(deps, { nodeName, csr }),
    prove: async ({ tokenId, nonce }) => proveCa(deps, { tokenId, nonce }),
  };
}

/** A first certificate, DER, for who has a token. Throws 401, 400 or 409. */
export function joinBoard(
  deps: JoinDeps,
  request: { readonly token: string; readonly nodeName: string; readonly csr: Uint8Array },
): Uint8Array {
  const { token, nodeName } = request;
  const permission = permissionOf(deps, token);
  if (!permission)
    throw unauthorized('the join token is wrong, or has expired: make a new one with "coracle token create"');
  const csr = checkedCsr(nodeName, request.csr);
  if (deps.isLive(nodeName) && !permission.mayReplace) {
    throw new StatusError(
      'AlreadyExists',
      `nodes ${JSON.stringify(nodeName)} already exists and is connected: choose another --node-name`,
      { details: { name: nodeName, kind: 'nodes' } },
    );
  }
  return issue(deps, nodeName, csr);
}

/** The next certificate, DER, of a board that has proved with its present one that it is `nodeName`. */
export function renewBoard(
  deps: JoinDeps,
  request: { readonly nodeName: string; readonly csr: Uint8Array },
): Uint8Array {
  return issue(deps, request.nodeName, checkedCsr(request.nodeName, request.csr));
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
