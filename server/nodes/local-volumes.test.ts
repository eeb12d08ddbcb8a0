import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { internalError, serviceUnavailable } from '#proto/meta/status-error.ts';
import type { StreamRequest } from './board-session.ts';
import { createBoardStorage } from './local-volumes.ts';

/** One board that answers, or breaks the stream with a text. */
function aBoard(answer: string, broken?: string) {
  const asked: string[] = [];
  const boards = {
    async openStream(node: string, { kind, query }: StreamRequest) {
      asked.push(`${node} ${kind} ${query}`);
      const stream = new PassThrough();
      // What is written comes back in this fake, and the server writes nothing.
      queueMicrotask(() => (broken === undefined ? undefined : stream.destroy(new Error(broken))));
      stream.push(answer);
      return stream;
    },
    onConnected: () => () => {},
  };
  return { storage: createBoardStorage(boards), asked };
}

it('asks the board, and takes its answer', async () => {
  const made = aBoard('{"path":"/srv/v"}');
  expect(await made.storage.make('pi', 'v', 10)).toBe('/srv/v');
  expect(made.asked).toEqual(['pi storage do=make&volume=v&bytes=10']);
  const gone = aBoard('{"removed":true}');
  await gone.storage.remove('pi', 'v', '/srv/v');
  expect(gone.asked).toEqual(['pi storage do=remove&volume=v&path=%2Fsrv%2Fv']);
});

it('believes nothing that the board has not said', async () => {
  await expect(aBoard('{}').storage.make('pi', 'v', 1)).rejects.toThrow('node "pi" has made no directory');
  await expect(aBoard('{}').storage.remove('pi', 'v', '/x')).rejects.toThrow('has not removed');
});

it('says what the board says, and that it is away where the stream broke', async () => {
  const refused = aBoard('', JSON.stringify(internalError('no room').toStatus()));
  await expect(refused.storage.make('pi', 'v', 1)).rejects.toMatchObject({ reason: 'InternalError' });
  const broken = aBoard('', 'closed');
  await expect(broken.storage.make('pi', 'v', 1)).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
  const away = createBoardStorage({
    openStream: () => Promise.reject(serviceUnavailable('node "pi" is not connected')),
    onConnected: () => () => {},
  });
  await expect(away.remove('pi', 'v', '/x')).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
});
