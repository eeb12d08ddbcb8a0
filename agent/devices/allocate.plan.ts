/** Which devices a container gets. Pure. */
import type { Container, EphemeralContainer } from '#proto/schema/generated/core-v1.ts';
import { type Device, PREFIX } from './devices.plan.ts';

/** Devices that a container has, by kind. */
export type Holding = Readonly<Record<string, readonly string[]>>;

export interface Holder {
  readonly podUid: string;
  readonly container: string;
  /** It ran before the Pod's other containers: those may have what it had. */
  readonly isInit: boolean;
  readonly holding: Holding;
}

/** How many of each kind a container asks for. Rule: extended resources are whole, and limit and request are one. */
export function wantedDevices({
  resources,
}: Container | EphemeralContainer): Readonly<Record<string, number>> {
  const limits = Object.entries(resources?.limits ?? {}).filter(([name]) => name.startsWith(PREFIX));
  return Object.fromEntries(limits.map(([name, amount]) => [name.slice(PREFIX.length), Number(amount)]));
}

export interface Wish {
  readonly podUid: string;
  readonly container: string;
  readonly isInit: boolean;
  readonly wanted: Readonly<Record<string, number>>;
}

export type Allocation =
  | { readonly ok: true; readonly holding: Holding }
  /** In words for the container's status. */
  | { readonly ok: false; readonly message: string };

/**
 * A container that starts again gets what it had; one of a Pod whose init containers had something gets that; all else comes from what
 * nobody has. A device that is gone is nobody's.
 */
export function planAllocation(
  wish: Wish,
  devices: readonly Device[],
  holders: readonly Holder[],
): Allocation {
  const holding: Record<string, readonly string[]> = {};
  for (const [kind, count] of Object.entries(wish.wanted)) {
    const ofKind = devices.filter((device) => device.kind === kind);
    const others = holders.filter((holder) => !sharesWith(holder, wish));
    const taken = (id: string): number =>
      others.filter((holder) => holder.holding[kind]?.includes(id)).length;
    const had = holders
      .filter((holder) => holder.podUid === wish.podUid)
      .flatMap((holder) => holder.holding[kind] ?? []);
    const free = ofKind.filter(({ id, shares }) => taken(id) < shares);
    const chosen = [
      ...free.filter(({ id }) => had.includes(id)),
      ...free.filter(({ id }) => !had.includes(id)),
    ]
      .slice(0, count)
      .map(({ id }) => id);
    if (chosen.length < count)
      return {
        ok: false,
        message: `not enough devices ${PREFIX}${kind}: requested: ${count}, free: ${free.length}, on this node: ${ofKind.length}`,
      };
    holding[kind] = chosen;
  }
  return { ok: true, holding };
}

/** The same container, or one of the Pod that does not run beside it. */
const sharesWith = (holder: Holder, wish: Wish): boolean =>
  holder.podUid === wish.podUid && (holder.container === wish.container || holder.isInit || wish.isInit);
