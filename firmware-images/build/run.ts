import { spawn } from 'node:child_process';

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
}

/** Runs a program to its end and gives what it printed. Rejects with its last words if it fails. */
export function run(
  program: string,
  args: readonly string[],
  { cwd, env, input }: RunOptions = {},
): Promise<string> {
  const child = spawn(program, args, {
    ...(cwd ? { cwd } : {}),
    env: { ...process.env, LC_ALL: 'C.UTF-8', PATH: searchPath(), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const out: Buffer[] = [];
  let words = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out.push(chunk);
    words = (words + chunk.toString()).slice(-4000);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-4000);
  });
  // A program that does not read its input closes it.
  child.stdin.on('error', () => {});
  child.stdin.end(input ?? '');
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(Buffer.concat(out).toString());
      else
        reject(new Error(`${program} ${args.slice(0, 4).join(' ')} …: ${code ?? signal}\n${words.trim()}`));
    });
  });
}

/** In the shell's words, with `set -eu`; arguments are `$1`, `$2`, … */
export const shell = (
  script: string,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<string> => run('sh', ['-euc', script, 'sh', ...args], options);

/** Tools of file systems live where only root looks. */
function searchPath(): string {
  return [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'].join(':');
}
