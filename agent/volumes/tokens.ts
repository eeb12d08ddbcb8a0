import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Cluster } from '#agent/link/cluster.ts';
import type { Seal } from '#agent/link/seal.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { TokenRequest } from '#proto/schema/generated/authentication-v1.ts';
import type { Pod, ServiceAccountTokenProjection } from '#proto/schema/generated/core-v1.ts';
import { needsRefresh, type Token } from './token.plan.ts';
import { VolumeError } from './volume.ts';

/**
 * Tokens of a pod's service account, bound to the pod. The last one is kept in the pod's folder, sealed, for root alone: after
 * a power cut with no server in reach the pod starts with it, and gets a new one when the server is back.
 */
export class TokenSource {
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #seal: Pick<Seal, 'seal' | 'open'>;

  constructor(cluster: Cluster, clock: Clock, seal: Pick<Seal, 'seal' | 'open'>) {
    this.#cluster = cluster;
    this.#clock = clock;
    this.#seal = seal;
  }

  async token(pod: Pod, podDir: string, projection: ServiceAccountTokenProjection): Promise<string> {
    const path = join(podDir, 'tokens', `${keyOf(projection)}.json`);
    const known = await readToken(path, this.#seal, pod);
    if (known && !needsRefresh(known, this.#clock.now())) return known.token;
    try {
      const fresh = await this.#request(pod, projection);
      await writeToken(path, fresh, this.#seal, pod);
      return fresh.token;
    } catch (err) {
      // A server out of reach must not keep a pod from running that ran before.
      if (known && (!this.#cluster.connected || known.expiresAtMs > this.#clock.now())) return known.token;
      const why = err instanceof Error ? err.message : String(err);
      throw new VolumeError(`failed to fetch token: ${why}`, err);
    }
  }

  async #request(pod: Pod, projection: ServiceAccountTokenProjection): Promise<Token> {
    const { namespace = '', name = '', uid = '' } = pod.metadata;
    const account = pod.spec.serviceAccountName ?? 'default';
    const issuedAtMs = this.#clock.now();
    const body: TokenRequest = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: {
        audiences: projection.audience ? [projection.audience] : [],
        ...(projection.expirationSeconds === undefined
          ? {}
          : { expirationSeconds: projection.expirationSeconds }),
        boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid },
      },
    };
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
    const answer = await this.#cluster.api<TokenRequest>('POST', path, body, 'application/json');
    if (!answer.status)
      throw new Error(`the server gave no token for service account ${namespace}/${account}`);
    return {
      token: answer.status.token,
      issuedAtMs,
      expiresAtMs: Date.parse(answer.status.expirationTimestamp),
    };
  }
}

const labelOf = (pod: Pod): string => `tokens/${pod.metadata.uid}`;

function keyOf({ audience = '', expirationSeconds = 0 }: ServiceAccountTokenProjection): string {
  return createHash('sha256').update(`${audience}\n${expirationSeconds}`).digest('hex').slice(0, 16);
}

async function readToken(path: string, seal: Pick<Seal, 'open'>, pod: Pod): Promise<Token | undefined> {
  try {
    const read = JSON.parse(seal.open(await readFile(path, 'utf8'), labelOf(pod))) as Partial<Token>;
    const { token, issuedAtMs, expiresAtMs } = read;
    if (typeof token !== 'string' || !Number.isFinite(issuedAtMs) || !Number.isFinite(expiresAtMs))
      return undefined;
    return { token, issuedAtMs: Number(issuedAtMs), expiresAtMs: Number(expiresAtMs) };
  } catch {
    // Absent, cut off by a power cut, or of other hardware: then a new one is asked for.
    return undefined;
  }
}

/** Not synced to the card: a token that is lost is asked for again. */
async function writeToken(path: string, token: Token, seal: Pick<Seal, 'seal'>, pod: Pod): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, seal.seal(JSON.stringify(token), labelOf(pod)), { mode: 0o600 });
  await rename(`${path}.new`, path);
}
