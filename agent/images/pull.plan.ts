/** When an image is pulled, and what is waited for after a failure. Rule: upstream's `pkg/kubelet/images`. */
export type PullPolicy = 'Always' | 'IfNotPresent' | 'Never';

const FIRST_BACKOFF_MS = 10_000;
const MAX_BACKOFF_MS = 300_000;

const DOMAIN_PART = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const DOMAIN = `${DOMAIN_PART}(?:\\.${DOMAIN_PART})*(?::[0-9]+)?`;
const PATH_PART = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const REFERENCE = new RegExp(
  `^(?:(${DOMAIN}|\\[[0-9a-fA-F:]+\\](?::[0-9]+)?)/)?(${PATH_PART}(?:/${PATH_PART})*)(?::(\\w[\\w.-]{0,127}))?(?:@([A-Za-z][\\w.+-]*:[0-9a-fA-F]{32,}))?$`,
);

export interface ImageReference {
  /** `docker.io` where the image does not say. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
  /** In full: `docker.io/library/nginx:latest`. */
  readonly text: string;
}

/** Undefined for what no registry could have: `InvalidImageName`. */
export function parseImage(image: string): ImageReference | undefined {
  const match = REFERENCE.exec(image);
  if (!match) return undefined;
  const [, domain, path = '', tag, digest] = match;
  // The first part is a host only if it looks like one: `library/nginx` is not.
  const isHost =
    domain !== undefined &&
    (/[.:[]/.test(domain) || domain === 'localhost' || domain !== domain.toLowerCase());
  const named = isHost || domain === undefined ? path : `${domain}/${path}`;
  const host = isHost ? domain : 'docker.io';
  const registry = host === 'index.docker.io' ? 'docker.io' : host;
  const repository = registry === 'docker.io' && !named.includes('/') ? `library/${named}` : named;
  if (repository !== repository.toLowerCase()) return undefined;
  const effective = tag ?? (digest === undefined ? 'latest' : undefined);
  const text = `${registry}/${repository}${effective ? `:${effective}` : ''}${digest ? `@${digest}` : ''}`;
  return { registry, repository, tag: effective, digest, text };
}

/** What the API server's defaults give to a container that does not say. */
export function pullPolicyOf(image: string, policy: string | undefined): PullPolicy {
  if (policy === 'Always' || policy === 'IfNotPresent' || policy === 'Never') return policy;
  const { tag, digest } = parseImage(image) ?? {};
  return tag === 'latest' && digest === undefined ? 'Always' : 'IfNotPresent';
}

export type PullDecision = 'pull' | 'present' | 'never-pull';

export function decidePull(policy: PullPolicy, present: boolean): PullDecision {
  if (policy === 'Always') return 'pull';
  if (present) return 'present';
  return policy === 'Never' ? 'never-pull' : 'pull';
}

export interface Backoff {
  readonly waitMs: number;
  readonly untilMs: number;
}

/** Doubles from 10 s to 5 min; starts anew after twice the longest wait without a failure. */
export function nextBackoff(last: Backoff | undefined, now: number): Backoff {
  const fresh = !last || now - last.untilMs > 2 * MAX_BACKOFF_MS;
  const waitMs = fresh ? FIRST_BACKOFF_MS : Math.min(MAX_BACKOFF_MS, last.waitMs * 2);
  return { waitMs, untilMs: now + waitMs };
}

const UNREACHABLE =
  /dial tcp|no such host|connection re(fused|set)|no route to host|(network|host) is (unreachable|down)|i\/o timeout|TLS handshake timeout|deadline exceeded/i;

/** Does a failed pull, in the runtime's words, say that no registry answered? */
export const isUnreachable = (message: string): boolean => UNREACHABLE.test(message);
