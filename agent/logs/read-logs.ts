import { watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { LogFormatter, type LogOptions } from './log-line.plan.ts';

const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;
/** Also looked at without a sign from the kernel: a container that ended writes nothing more. */
const POLL_MS = 1000;

export interface LogSource {
  /** `<logDirectory>/<container>/<attempt>.log` */
  readonly path: string;
  /** Asked while following: what does not run writes nothing more. */
  isRunning(): Promise<boolean> | boolean;
}

/**
 * A container's log as `kubectl logs` shows it. Holds one chunk in memory, reads from the end for `tailLines`, and while
 * following goes over to the new file when the log is rotated. Ends with the signal, without an error.
 */
export async function* readLogs(
  source: LogSource,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const formatter = new LogFormatter(options);
  let file = await open(source.path, 'r');
  const changes = options.follow ? watchFile(source.path, signal) : undefined;
  // What is written meanwhile is no part of the tail that was asked for.
  let left = options.follow ? Number.POSITIVE_INFINITY : (options.tailLines ?? Number.POSITIVE_INFINITY);
  /** What the reader has by now, of what is wanted; `done` is set when nothing more is. */
  let done = false;
  async function* pour(reader: LineReader): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const lines of reader.rest()) {
      const wanted = lines.slice(0, left);
      const out = wanted.map((line) => formatter.format(line)).filter((part) => part !== undefined);
      if (out.length > 0) yield Buffer.concat(out);
      left -= wanted.length;
      done = formatter.full || left <= 0 || signal.aborted;
      if (done) return;
    }
  }
  try {
    let reader = new LineReader(file, await startOf(file, options));
    for (;;) {
      // Asked before reading: what it wrote before its end is then read below.
      const running = options.follow && !signal.aborted && (await source.isRunning());
      yield* pour(reader);
      if (done || signal.aborted) return;
      if (changes && (await isRotated(file, source.path))) {
        const next = await open(source.path, 'r').catch(() => undefined);
        if (next) {
          // The runtime may have written to the old file up to the reopening: read it to its end first.
          yield* pour(reader);
          await file.close();
          file = next;
          if (done) return;
          reader = new LineReader(file, 0);
          continue;
        }
      }
      if (!running) return;
      await changes?.next();
    }
  } finally {
    changes?.close();
    await file.close();
  }
}

/** Where to begin: from the end, so that the tail of a large log costs no more than that of a small one. */
async function startOf(file: FileHandle, options: LogOptions): Promise<number> {
  const { size } = await file.stat();
  if (options.tailLines === undefined) return 0;
  return tailStart(file, size, options.tailLines);
}

/** The offset of the last `lines` lines; an unfinished line at the end counts as one. */
export async function tailStart(file: FileHandle, size: number, lines: number): Promise<number> {
  if (lines <= 0) return size;
  let wanted = lines;
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - CHUNK_BYTES);
    const { bytesRead } = await file.read(buffer, 0, end - start, start);
    for (let at = bytesRead - 1; at >= 0; at--) {
      // The newline that ends the file ends its last line, and separates nothing.
      if (buffer[at] !== NEWLINE || start + at === size - 1) continue;
      wanted--;
      if (wanted === 0) return start + at + 1;
    }
    end = start;
  }
  return 0;
}

/** Whole lines from an offset on; what has no newline yet waits for the next `rest`. */
class LineReader {
  readonly #file: FileHandle;
  #offset: number;
  #unfinished = Buffer.alloc(0);

  constructor(file: FileHandle, offset: number) {
    this.#file = file;
    this.#offset = offset;
  }

  async *rest(): AsyncGenerator<readonly Uint8Array[], void, undefined> {
    for (;;) {
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      const { bytesRead } = await this.#file.read(buffer, 0, CHUNK_BYTES, this.#offset);
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      const bytes = Buffer.concat([this.#unfinished, buffer.subarray(0, bytesRead)]);
      const lines: Uint8Array[] = [];
      let start = 0;
      for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, start)) {
        lines.push(bytes.subarray(start, at + 1));
        start = at + 1;
      }
      this.#unfinished = bytes.subarray(start);
      if (lines.length > 0) yield lines;
    }
  }
}

async function isRotated(file: FileHandle, path: string): Promise<boolean> {
  const now = await stat(path).catch(() => undefined);
  return now !== undefined && now.ino !== (await file.stat()).ino;
}

/** `next` resolves when the file may have changed, and at the latest after a while. */
function watchFile(path: string, signal: AbortSignal) {
  let wake = (): void => {};
  let dirty = false;
  const changed = (): void => {
    dirty = true;
    wake();
  };
  const name = basename(path);
  const watcher = watch(dirname(path), (_event, file) => {
    if (file === null || file === name) changed();
  });
  watcher.on('error', changed);
  signal.addEventListener('abort', changed);
  return {
    async next(): Promise<void> {
      if (!dirty && !signal.aborted) {
        let timer: NodeJS.Timeout | undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
          timer = setTimeout(resolve, POLL_MS);
        });
        clearTimeout(timer);
      }
      dirty = false;
    },
    close(): void {
      signal.removeEventListener('abort', changed);
      watcher.close();
    },
  };
}
