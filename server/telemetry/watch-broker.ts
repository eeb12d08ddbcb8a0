import type { MqttConnection } from '#proto/agent/mqtt-connection.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Broker } from './broker.ts';

/** A broker of ours that does not let us in for so long has stalled. */
const STALLED_MS = 90_000;

/** Runs until the signal. A process that runs and does nothing is no broker: it is ended, and another one started. */
export async function watchBroker(
  broker: Pick<Broker, 'restart'>,
  connection: Pick<MqttConnection, 'connected' | 'awaySinceMs'>,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(STALLED_MS, signal).catch(() => {});
    if (signal.aborted || connection.connected) continue;
    if (clock.now() - connection.awaySinceMs >= STALLED_MS) broker.restart('it does not answer');
  }
}
