import { spawn } from 'node:child_process';

/** Runs a program with text on its standard input; resolves with its output, rejects with what it complained about. */
export type Run = (program: string, args: readonly string[], input?: string) => Promise<string>;

const TIMEOUT_MS = 60_000;

/** Rejects with code ENOENT where the program is not installed. */
export const runProgram: Run = (program, args, input = '') =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin` },
      timeout: TIMEOUT_MS,
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => {}); // it may end before it has read all
    child.stdin.end(input);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(Buffer.concat(out).toString());
      const said = Buffer.concat(err).toString().trim().slice(0, 1000);
      reject(new Error(`${program} ${args.join(' ')}: ${said || `exit code ${code ?? signal}`}`));
    });
  });

export const isMissing = (err: unknown): boolean => (err as NodeJS.ErrnoException).code === 'ENOENT';
