import { expect, it } from 'vitest';
import { TELEMETRY, TELEMETRY_INTERVAL, telemetrySettings } from './telemetry-settings.ts';

it.each([
  ['nothing', undefined, 'on', 30_000],
  ['an interval', { [TELEMETRY_INTERVAL]: '60' }, 'on', 60_000],
  ['a short interval', { [TELEMETRY_INTERVAL]: '1' }, 'on', 10_000],
  ['a long interval', { [TELEMETRY_INTERVAL]: '999999' }, 'on', 86_400_000],
  ['no number', { [TELEMETRY_INTERVAL]: '1h' }, 'on', 30_000],
  ['zero', { [TELEMETRY_INTERVAL]: '0' }, 'on', 30_000],
  ['low-data', { [TELEMETRY]: 'low-data' }, 'low-data', 300_000],
  [
    'low-data with an interval',
    { [TELEMETRY]: 'low-data', [TELEMETRY_INTERVAL]: '900' },
    'low-data',
    900_000,
  ],
  ['off', { [TELEMETRY]: 'off' }, 'off', 30_000],
  ['nonsense', { [TELEMETRY]: 'loud' }, 'on', 30_000],
])('%s', (_, annotations, mode, intervalMs) => {
  expect(telemetrySettings(annotations, 30_000)).toEqual({ mode, intervalMs });
});
