import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import type { Logger } from '#proto/meta/log.ts';

export interface AuditLogOptions {
  /** `-` is the standard output. */
  readonly path: string;
  /** How big a file gets before the next one begins, in megabytes; 0 means 100. */
  readonly maxSize: number;
  /** How old files are kept, in days, and how many of them; 0 means all. */
  readonly maxAge: number;
  readonly maxBackup: number;
  readonly log: Logger;
  readonly now: () => number;
}

const DEFAULT_MEGABYTES = 100;
const DAY_MS = 86_400_000;
/** Lines are written together: after so long, or when they are so many bytes. A card is spared, and a timer runs only then. */
const FLUSH_MS = 1_000;
const FLUSH_BYTES = 64 * 1024;

/** A file of lines that starts anew when it is big. Rule: kube-apiserver's `--audit-log-…` flags. */
export class AuditLog {
  readonly #options: AuditLogOptions;
  #file: number | undefined;
  #size = 0;
  #waiting: string[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AuditLogOptions) {
    this.#options = options;
    if (options.path !== '-') mkdirSync(dirname(options.path), { recursive: true });
    this.#open();
  }

  write(line: string): void {
    this.#waiting.push(line);
    this.#bytes += line.length;
    if (this.#bytes >= FLUSH_BYTES) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  /** Hands what waits to the system. Never throws: a full disk must not stop the API. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length === 0) return;
    const bytes = Buffer.from(`${this.#waiting.join('\n')}\n`);
    this.#waiting = [];
    this.#bytes = 0;
    try {
      if (this.#size > 0 && this.#size + bytes.length > this.#limit) this.#rotate();
      writeSync(this.#file ?? 1, bytes);
      this.#size += bytes.length;
    } catch (err) {
      this.#options.log.error('the audit log could not be written', { err });
    }
  }

  close(): void {
    this.flush();
    if (this.#file === undefined) return;
    fsyncSync(this.#file);
    closeSync(this.#file);
    this.#file = undefined;
  }

  get #limit(): number {
    if (this.#options.path === '-') return Number.POSITIVE_INFINITY;
    return (this.#options.maxSize || DEFAULT_MEGABYTES) * 1024 * 1024;
  }

  #open(): void {
    const { path } = this.#options;
    if (path === '-') return;
    this.#file = openSync(path, 'a', 0o600);
    this.#size = statSync(path).size;
  }

  #rotate(): void {
    const { path, now } = this.#options;
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    const stamp = new Date(now()).toISOString().replace('Z', '').replaceAll(':', '-');
    const { prefix, suffix } = this.#names();
    renameSync(path, join(dirname(path), `${prefix}${stamp}${suffix}`));
    this.#open();
    this.#forget();
  }

  #names(): { prefix: string; suffix: string } {
    const suffix = extname(this.#options.path);
    return { prefix: `${basename(this.#options.path, suffix)}-`, suffix };
  }

  /** Old files, by the time in their names. */
  #forget(): void {
    const { path, maxAge, maxBackup, now } = this.#options;
    const { prefix, suffix } = this.#names();
    const stampOf = (name: string): number =>
      Date.parse(
        `${name.slice(prefix.length, name.length - suffix.length).replace(/T(\d\d)-(\d\d)-/, 'T$1:$2:')}Z`,
      );
    const old = readdirSync(dirname(path))
      .filter((name) => name.startsWith(prefix) && name.endsWith(suffix) && !Number.isNaN(stampOf(name)))
      .sort((a, b) => stampOf(b) - stampOf(a));
    old.forEach((name, i) => {
      const isTooOld = maxAge > 0 && stampOf(name) < now() - maxAge * DAY_MS;
      if (isTooOld || (maxBackup > 0 && i >= maxBackup)) unlinkSync(join(dirname(path), name));
    });
  }
}
