import { Duplex } from 'node:stream';
import type { ClientDuplexStream, ServerDuplexStream } from '@grpc/grpc-js';

/** The message of the Stream call, both ways. */
export interface ByteChunk {
  streamId: number;
  data: Uint8Array;
  end: boolean;
  error: string;
}

/** Either end of a Stream call. Both are Duplexes; grpc-js' types do not say so. */
type ChunkCall = ClientDuplexStream<ByteChunk, ByteChunk> | ServerDuplexStream<ByteChunk, ByteChunk>;

/** Larger writes are cut, so that one stream does not hold the connection for long. */
const MAX_CHUNK_BYTES = 64 * 1024;

/**
 * A gRPC stream of chunks as plain bytes with half-close, as a socket has it: `end()` closes our direction and
 * leaves the other open. Back-pressure reaches through in both directions. An error that the other side sent
 * destroys the stream with that message.
 */
export function asBytes(ofCall: ChunkCall, first: Uint8Array = new Uint8Array()): Duplex {
  const call = ofCall as unknown as Duplex;
  const bytes = new Duplex({
    allowHalfOpen: true,
    read: () => void call.resume(),
    write(data: Buffer, _encoding, done) {
      void send(data).then(() => done(), done);
    },
    final(done) {
      if (!closed)
        call.write({ streamId: 0, data: new Uint8Array(), end: true, error: '' } satisfies ByteChunk);
      done();
      ourEnd = true;
      finish();
    },
    destroy(err, done) {
      // Not `cancel`: that would overtake the reason.
      const early = !closed && !(ourEnd && theirEnd);
      if (early)
        call.write({
          streamId: 0,
          data: new Uint8Array(),
          end: true,
          error: err?.message ?? 'closed',
        } satisfies ByteChunk);
      call.end();
      call.resume();
      done(err);
    },
  });
  let ourEnd = false;
  let theirEnd = false;
  let closed = false;

  async function send(data: Buffer): Promise<void> {
    for (let at = 0; at < data.length; at += MAX_CHUNK_BYTES) {
      const chunk: ByteChunk = {
        streamId: 0,
        data: data.subarray(at, at + MAX_CHUNK_BYTES),
        end: false,
        error: '',
      };
      if (!call.write(chunk)) await drained(call);
    }
  }
  function finish(): void {
    if (ourEnd && theirEnd) call.end();
  }

  if (first.length > 0) bytes.push(first);
  call.on('data', (chunk: ByteChunk) => {
    if (chunk.error) {
      bytes.destroy(new Error(chunk.error));
      return;
    }
    if (chunk.data.length > 0 && !bytes.push(chunk.data)) call.pause();
    if (chunk.end) {
      theirEnd = true;
      bytes.push(null);
      finish();
    }
  });
  call.on('error', (err: Error) => {
    closed = true;
    bytes.destroy(err);
  });
  call.on('end', () => {
    closed = true;
    if (!theirEnd) bytes.push(null);
  });
  // A call that is gone takes the bytes with it, what has arrived excepted: nobody may wait for a peer that went away.
  const gone = (): void => {
    closed = true;
    if (theirEnd) bytes.end();
    else bytes.destroy();
  };
  call.on('close', gone);
  call.on('cancelled', gone);
  return bytes;
}

/** Resolves when the call takes more, or is gone: the writer then finds out by its next write. */
function drained(call: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of ['drain', 'close', 'error', 'cancelled']) call.off(event, done);
      resolve();
    };
    for (const event of ['drain', 'close', 'error', 'cancelled']) call.on(event, done);
  });
}
