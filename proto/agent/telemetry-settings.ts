/** How a board publishes its health: said on its Node, so that board and server read the same. Pure. */

/** `on`, `low-data` or `off`. */
export const TELEMETRY = 'coracle.dev/telemetry';
/** Whole seconds, 10 to 86400; a board looks at itself every 10 seconds. */
export const TELEMETRY_INTERVAL = 'coracle.dev/telemetry-interval';

export interface TelemetrySettings {
  /** `low-data`: a tenth as often, and only what cannot be asked of the cluster. */
  readonly mode: 'on' | 'low-data' | 'off';
  readonly intervalMs: number;
}

const LOW_DATA_FACTOR = 10;
const MIN_S = 10;
const MAX_S = 86_400;

/** What can't be read counts as not said. */
export function telemetrySettings(
  annotations: Readonly<Record<string, string>> | undefined,
  defaultIntervalMs: number,
): TelemetrySettings {
  const said = annotations?.[TELEMETRY];
  const mode = said === 'off' || said === 'low-data' ? said : 'on';
  const text = annotations?.[TELEMETRY_INTERVAL] ?? '';
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : undefined;
  if (seconds !== undefined && seconds > 0)
    return { mode, intervalMs: Math.min(Math.max(seconds, MIN_S), MAX_S) * 1_000 };
  return { mode, intervalMs: mode === 'low-data' ? defaultIntervalMs * LOW_DATA_FACTOR : defaultIntervalMs };
}
