import { text } from 'node:stream/consumers';
import { StatusError } from '#proto/meta/status-error.ts';
import type { Status } from '#proto/schema/generated/meta-v1.ts';
import type { BoardStorage } from '#server/controllers/localpath/board-storage.ts';
import type { StreamRequest } from './board-session.ts';
import type { Boards } from './boards.ts';

const NO_POD = { namespace: '', pod: '', uid: '', container: '', method: '', headers: [] };

/** Directories of boards, over a reverse stream each: the board does it, answers with a line of JSON, and ends. */
export function createBoardStorage(boards: Pick<Boards, 'openStream' | 'onConnected'>): BoardStorage {
  const ask = async (node: string, query: Readonly<Record<string, string>>): Promise<string> => {
    const request: StreamRequest = {
      ...NO_POD,
      kind: 'storage',
      query: new URLSearchParams(query).toString(),
    };
    const stream = await boards.openStream(node, request);
    stream.end();
    try {
      return await text(stream);
    } catch (err) {
      throw asStatus(err);
    }
  };
  return {
    async make(node, volume, bytes) {
      const answer = JSON.parse(await ask(node, { do: 'make', volume, bytes: String(bytes) })) as {
        path?: string;
      };
      if (!answer.path) throw new Error(`node ${JSON.stringify(node)} has made no directory`);
      return answer.path;
    },
    async remove(node, volume, path) {
      const answer = JSON.parse(await ask(node, { do: 'remove', volume, path })) as { removed?: boolean };
      if (!answer.removed) throw new Error(`node ${JSON.stringify(node)} has not removed the directory`);
    },
    onConnected: (listener) => boards.onConnected(listener),
  };
}

/** What the board says, as it said it; a link that broke is a board that is away. */
function asStatus(err: unknown): Error {
  const message = err instanceof Error ? err.message : String(err);
  try {
    return StatusError.from(JSON.parse(message) as Status);
  } catch {
    return new StatusError('ServiceUnavailable', `the board broke the stream: ${message}`);
  }
}
