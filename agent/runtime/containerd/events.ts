import {
  type Envelope,
  EventsService,
  TaskExit,
  TaskOOM,
  TaskStart,
} from '#proto/containerd/generated/events.ts';
import { RuntimeError, type RuntimeEvent } from '../runtime.ts';
import { type Connection, toRuntimeError } from './connection.ts';

/** CRI keeps its containers in this namespace of containerd's. */
const FILTERS = ['start', 'exit', 'oom'].map((task) => `namespace==k8s.io,topic=="/tasks/${task}"`);

/**
 * Lifecycle from containerd's own stream. The subscription starts with the call, not with the first read, so that a
 * list made after it misses nothing. A sandbox's own process appears here too: callers know their ids.
 */
export function subscribe(connection: Connection, signal: AbortSignal): AsyncIterable<RuntimeEvent> {
  signal.throwIfAborted();
  const stream = connection.stream(EventsService.subscribe, { filters: FILTERS });
  const cancel = (): void => stream.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  // The reader below gets the error as well: this keeps one that comes before the first read from being fatal.
  stream.on('error', () => {});
  return (async function* () {
    try {
      for await (const envelope of stream) {
        const event = fromEnvelope(envelope);
        if (event) yield event;
      }
    } catch (err) {
      if (signal.aborted) return;
      connection.discard();
      throw new RuntimeError(
        'unavailable',
        'reading the events of the container runtime',
        toRuntimeError(err),
      );
    } finally {
      signal.removeEventListener('abort', cancel);
      stream.cancel();
    }
    if (!signal.aborted)
      throw new RuntimeError('unavailable', 'the container runtime ended its event stream');
  })();
}

/** Undefined for what is not a container's own: the end of an exec is a task exit too. */
export function fromEnvelope(envelope: Envelope): RuntimeEvent | undefined {
  const payload = envelope.event?.value;
  if (!payload) return undefined;
  switch (envelope.topic) {
    case '/tasks/start':
      return { type: 'started', containerId: TaskStart.decode(payload).containerId };
    case '/tasks/oom':
      return { type: 'oom', containerId: TaskOOM.decode(payload).containerId };
    case '/tasks/exit': {
      const exit = TaskExit.decode(payload);
      if (exit.id !== exit.containerId) return undefined;
      const at = exit.exitedAt;
      return {
        type: 'exited',
        containerId: exit.containerId,
        exitCode: exit.exitStatus,
        atMs: at ? Number(at.seconds) * 1000 + Math.floor(at.nanos / 1e6) : 0,
      };
    }
    default:
      return undefined;
  }
}
