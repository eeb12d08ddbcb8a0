/**
 * On a Node, when somebody asked its board to start anew: an RFC 3339 time. The board obeys each time once, and none that is
 * older than {@link REBOOT_VALID_MS}: a board that was away for long, or was set up anew, does not obey the past.
 */
export const REBOOT_REQUESTED_AT = 'coracle.dev/reboot-requested-at';
export const REBOOT_VALID_MS = 600_000;
