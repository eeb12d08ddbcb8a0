import { expect, it } from 'vitest';
import { Sessions } from './sessions.ts';

/** Beyond the types that we declare of the package: what a client would get. */
const queued = (sessions: Sessions, id: string): Promise<unknown[]> =>
  (sessions as unknown as { outgoingStream(client: object): { toArray(): Promise<unknown[]> } })
    .outgoingStream({ id })
    .toArray();

it('keeps a bounded queue for each client, and room comes back', async () => {
  const sessions = new Sessions();
  const enqueue = (topic: string, ...clients: string[]): Promise<void> =>
    sessions.outgoingEnqueueCombi(
      clients.map((clientId) => ({ clientId })),
      { topic, payload: 'x', qos: 1 } as object,
    );
  for (let i = 0; i < 2_000; i++) await enqueue(`t/${i}`, 'away');
  await enqueue('last', 'away', 'here');
  expect(await queued(sessions, 'away')).toHaveLength(500);
  expect(await queued(sessions, 'here')).toHaveLength(1);
  const [first] = (await queued(sessions, 'away')) as { messageId?: number }[];
  await sessions.outgoingClearMessageId({ id: 'away' }, first ?? {});
  await enqueue('again', 'away');
  expect(await queued(sessions, 'away')).toHaveLength(500);
});
