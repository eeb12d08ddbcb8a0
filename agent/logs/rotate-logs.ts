import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Runtime } from '#agent/runtime/runtime.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';

export interface RotationLimits {
  readonly maxBytes: number;
  /** With the one that is written to. */
  readonly maxFiles: number;
}

/** Upstream's defaults. */
export const DEFAULT_ROTATION: RotationLimits = { maxBytes: 10 * 1024 * 1024, maxFiles: 5 };
/** A log may grow beyond its bound for this long: asking the runtime more often would cost a board at rest. */
const PERIOD_MS = 30_000;

export interface RunningLog {
  readonly containerId: string;
  readonly path: string;
}

/**
 * Keeps the logs of running containers within bounds: `0.log` is renamed to `0.log.20261120-204804`, the runtime opens a new
 * one, older ones are compressed and the oldest removed. Idempotent: what a crash left half done is found by its name.
 */
export class LogRotator {
  readonly #runtime: Runtime;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #limits: RotationLimits;

  constructor(options: {
    readonly runtime: Runtime;
    readonly clock: Clock;
    readonly log: Logger;
    readonly limits?: RotationLimits;
  }) {
    this.#runtime = options.runtime;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#limits = options.limits ?? DEFAULT_ROTATION;
  }

  /** Until the signal. */
  async run(running: () => Promise<readonly RunningLog[]>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const log of await running().catch(() => [])) {
        await this.rotate(log).catch((err: unknown) => {
          this.#log.warn('container log not rotated', { path: log.path, err });
        });
      }
      await this.#clock.sleep(PERIOD_MS, signal).catch(() => {});
    }
  }

  /** True when the log was large enough. */
  async rotate({ containerId, path }: RunningLog): Promise<boolean> {
    const info = await stat(path).catch(() => undefined);
    if (!info || info.size < this.#limits.maxBytes) return false;
    await this.#compressAndDrop(path, this.#limits.maxFiles - 2);
    const rotated = `${path}.${timestamp(this.#clock.now())}`;
    await rename(path, rotated);
    try {
      await this.#runtime.reopenLog(containerId);
    } catch (err) {
      // The container still writes to the renamed file: that is its log.
      await rename(rotated, path);
      throw err;
    }
    return true;
  }

  /** All but the latest are read by nobody: the latest may still be written to for a moment. */
  async #compressAndDrop(path: string, keep: number): Promise<void> {
    const names = await readdir(dirname(path));
    for (const name of names) {
      if (name.startsWith(`${basename(path)}.`) && name.endsWith('.tmp'))
        await unlink(join(dirname(path), name));
    }
    const rotated = names
      .filter((name) => name.startsWith(`${basename(path)}.`) && !name.endsWith('.tmp'))
      .sort()
      .map((name) => join(dirname(path), name));
    const kept = rotated.slice(Math.max(0, rotated.length - Math.max(0, keep)));
    for (const old of rotated) if (!kept.includes(old)) await unlink(old);
    for (const old of kept) if (!old.endsWith('.gz')) await compress(old);
  }
}

async function compress(path: string): Promise<void> {
  const temporary = `${path}.tmp`;
  await pipeline(createReadStream(path), createGzip(), createWriteStream(temporary, { mode: 0o640 }));
  await rename(temporary, `${path}.gz`);
  await unlink(path);
}

/** `20261120-204804`: names sort by time. */
function timestamp(now: number): string {
  return new Date(now).toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
}
