/** Who may lead, from what a Lease says. Pure. Rule: client-go's `tools/leaderelection`. */
import { formatMicroTime } from '#proto/meta/timestamp.ts';
import type { Lease, LeaseSpec } from '#proto/schema/generated/coordination-v1.ts';

/** A Lease as it was seen, and when it was seen to change: the clocks of two machines are never compared. */
export interface Observed {
  readonly lease: Lease;
  /** Epoch milliseconds of the own clock. */
  readonly atMs: number;
}

/** What was seen now, or before if it is the same: a holder that does nothing does not get younger by being looked at. */
export function observe(lease: Lease, before: Observed | undefined, now: number): Observed {
  const { uid, resourceVersion } = before?.lease.metadata ?? {};
  const same = uid === lease.metadata.uid && resourceVersion === lease.metadata.resourceVersion;
  return before && same ? before : { lease, atMs: now };
}

export interface ElectionInput {
  readonly observed: Observed;
  readonly identity: string;
  readonly leaseDurationMs: number;
  readonly now: number;
}

/** The spec to write, which takes or keeps the Lease; undefined while somebody else holds it. */
export function planElection({
  observed,
  identity,
  leaseDurationMs,
  now,
}: ElectionInput): LeaseSpec | undefined {
  const {
    holderIdentity,
    acquireTime,
    leaseTransitions = 0,
    leaseDurationSeconds = 0,
  } = observed.lease.spec ?? {};
  const own = holderIdentity === identity;
  const validUntil = observed.atMs + leaseDurationSeconds * 1000;
  if (holderIdentity && !own && now < validUntil) return undefined;
  const fresh = leaseOf(identity, leaseDurationMs, now);
  return own
    ? { ...fresh, ...(acquireTime ? { acquireTime } : {}), leaseTransitions }
    : { ...fresh, leaseTransitions: leaseTransitions + 1 };
}

/** A Lease that nobody has held yet. */
export function leaseOf(identity: string, leaseDurationMs: number, now: number): LeaseSpec {
  const at = microTime(now);
  return {
    holderIdentity: identity,
    leaseDurationSeconds: Math.round(leaseDurationMs / 1000),
    acquireTime: at,
    renewTime: at,
    leaseTransitions: 0,
  };
}

/** What a leader leaves behind that stops in peace: the next one need not wait. */
export function releasedSpec(spec: LeaseSpec | undefined, now: number): LeaseSpec {
  const at = microTime(now);
  return {
    holderIdentity: '',
    leaseDurationSeconds: 1,
    acquireTime: at,
    renewTime: at,
    leaseTransitions: spec?.leaseTransitions ?? 0,
  };
}

const microTime = (ms: number): string =>
  formatMicroTime({ seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1e6 }) ?? '';
