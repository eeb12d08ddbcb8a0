/** Whether a board starts anew. Pure. */
import { REBOOT_REQUESTED_AT, REBOOT_VALID_MS } from '#proto/agent/reboot-request.ts';
import { parseTimestamp } from '#proto/meta/timestamp.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';

/** Clocks of a cluster differ by less. */
const SKEW_MS = 60_000;

/**
 * The request to obey; undefined: none. `honoured`: the last one that was obeyed, on the board's disk, so that no request is
 * obeyed twice and no board goes round in circles.
 */
export function planReboot(
  node: Node | undefined,
  honoured: string | undefined,
  nowMs: number,
): string | undefined {
  const requested = node?.metadata.annotations?.[REBOOT_REQUESTED_AT];
  if (requested === undefined || requested === honoured) return undefined;
  const at = parseTimestamp(requested);
  if (!at) return undefined;
  const ageMs = nowMs - at.seconds * 1_000;
  return ageMs >= -SKEW_MS && ageMs <= REBOOT_VALID_MS ? requested : undefined;
}
