import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { eventually } from '../boards/eventually.ts';

/** A command that goes on until it is stopped: a watch, a followed log, a port-forward, a terminal. */
export class Running {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #closed: Promise<unknown>;
  #output = '';

  constructor(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const [file = '', ...args] = argv;
    this.#child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#closed = once(this.#child, 'close');
    this.#child.stdin.on('error', () => {}); // it may be gone
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
  }

  /** What it wrote so far, both streams in the order they came. */
  get output(): string {
    return this.#output;
  }

  write(text: string): void {
    this.#child.stdin.write(text);
  }

  /** Waits until its output fits; gives the first group, or the whole match. */
  async says(pattern: RegExp, timeoutMs = 30_000): Promise<string> {
    try {
      const [whole, group] = await eventually(() => pattern.exec(this.#output) ?? undefined, {
        timeoutMs,
        intervalMs: 20,
      });
      return group ?? whole;
    } catch (err) {
      throw new Error(`no ${pattern} in:\n${this.#output}`, { cause: err });
    }
  }

  /** Waits until it ends by itself; gives its exit code. */
  async ends(): Promise<number | null> {
    await this.#closed;
    return this.#child.exitCode;
  }

  async stop(): Promise<void> {
    this.#child.kill();
    await this.#closed;
  }
}

/** A shell's command line with a terminal of its own, of this size. */
export function inTerminal(argv: readonly string[], { rows, columns }: { rows: number; columns: number }) {
  const words = argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  return new Running(['script', '-qec', `stty rows ${rows} cols ${columns}; ${words}`, '/dev/null']);
}
