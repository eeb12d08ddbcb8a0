import { expect, it } from 'vitest';
import { MessageBus } from './bus.ts';

const next = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('goes on while a subscriber never says that it is done', async () => {
  const bus = new MessageBus();
  const heard: string[] = [];
  bus.on('a/#', () => {});
  bus.on('a/+', ({ topic }, done) => {
    heard.push(topic);
    done();
  });
  let done = 0;
  // As many as end aedes' own emitter, by recursion, when the subscriber goes.
  for (let i = 0; i < 20_000; i++) bus.emit({ topic: `a/${i}` }, () => void done++);
  await next();
  expect(heard).toHaveLength(20_000);
  expect(done).toBe(20_000);
});

it('forgets who has gone, and takes nothing when it is closed', async () => {
  const bus = new MessageBus();
  let heard = 0;
  const deliver = (): void => void heard++;
  bus.on('a', deliver).on('a', () => {});
  bus.emit({ topic: 'a' });
  bus.removeListener('a', deliver).removeListener('b', deliver);
  bus.emit({ topic: 'a' });
  expect(heard).toBe(1);
  await new Promise<void>((resolve) => bus.close(resolve));
  const refused = new Promise((resolve) => bus.emit({ topic: 'a' }, resolve));
  expect(await refused).toBeInstanceOf(Error);
});
