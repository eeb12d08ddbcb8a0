import { randomUUID } from 'node:crypto';
import type { Clock } from '#proto/meta/clock.ts';
import { AuditTrail } from '#server/apiserver/audit/audit-trail.ts';
import { type AuditPolicy, decide } from '#server/apiserver/audit/policy.plan.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';
import { requestInfoOf } from '#server/apiserver/http/request-info.ts';

/** A request as it came, before anything is known of it. */
export interface Arrival {
  readonly method: string;
  /** With query. */
  readonly url: string;
  header(name: string): string | undefined;
  readonly remoteAddress: string;
}

/** Begins the trail of a request; undefined for one that the policy is not interested in. */
export type Auditor = (arrival: Arrival, id: string, user: UserInfo | undefined) => AuditTrail | undefined;

const LONGEST_ID = 64;

/** What the client calls its request, or a name of our own. */
export function auditIdOf({ header }: Pick<Arrival, 'header'>): string {
  const given = header('audit-id');
  return given && /^[\x21-\x7e]+$/.test(given) ? given.slice(0, LONGEST_ID) : randomUUID();
}

export function createAuditor(options: {
  readonly policy: AuditPolicy;
  readonly clock: Clock;
  readonly write: (line: string) => void;
}): Auditor {
  const { policy, clock, write } = options;
  const deps = { now: () => clock.now(), write };
  return (arrival, id, user) => {
    const [path = '', query = ''] = arrival.url.split('?', 2);
    const info = requestInfoOf(arrival.method, decoded(path), new URLSearchParams(query));
    const decision = decide(policy, info, user);
    if (decision.level === 'None') return undefined;
    return new AuditTrail(
      {
        id,
        uri: arrival.url,
        info,
        user,
        sourceIPs: sourceIPsOf(arrival),
        userAgent: arrival.header('user-agent') ?? '',
      },
      decision,
      deps,
    );
  };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Where it says that it comes from, then where it does. */
function sourceIPsOf({ header, remoteAddress }: Arrival): string[] {
  const said = [header('x-forwarded-for'), header('x-real-ip')]
    .flatMap((value) => value?.split(',') ?? [])
    .map((value) => value.trim())
    .filter((value) => /^[0-9a-fA-F.:]+$/.test(value));
  return [...new Set([...said, remoteAddress.replace(/^::ffff:/, '')])].filter((value) => value !== '');
}
