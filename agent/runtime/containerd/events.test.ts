import { expect, it } from 'vitest';
import { TaskExit, TaskOOM, TaskStart } from '#proto/containerd/generated/events.ts';
import { fromEnvelope } from './events.ts';

const envelope = (topic: string, value: Uint8Array) => ({
  timestamp: undefined,
  namespace: 'k8s.io',
  topic,
  event: { typeUrl: '', value },
});
const exit = (id: string) =>
  TaskExit.encode({
    containerId: 'c',
    id,
    pid: 7,
    exitStatus: 3,
    exitedAt: { seconds: 1_800_000_000n, nanos: 5_600_000 },
  }).finish();

it.each([
  [
    'a start',
    envelope('/tasks/start', TaskStart.encode({ containerId: 'c' }).finish()),
    { type: 'started', containerId: 'c' },
  ],
  [
    'running out of memory',
    envelope('/tasks/oom', TaskOOM.encode({ containerId: 'c' }).finish()),
    { type: 'oom', containerId: 'c' },
  ],
  [
    'an end',
    envelope('/tasks/exit', exit('c')),
    { type: 'exited', containerId: 'c', exitCode: 3, atMs: 1_800_000_000_005 },
  ],
  ['the end of an exec', envelope('/tasks/exit', exit('exec-1')), undefined],
  ['anything else', envelope('/tasks/paused', new Uint8Array()), undefined],
])('the event of %s', (_name, message, expected) => {
  expect(fromEnvelope(message)).toEqual(expected);
});
