import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** What a small board gains from, measured: most of it must be known before Node starts. */
const NODE_FLAGS = ['--optimize-for-size', '--max-semi-space-size=1'];
const ENVIRONMENT = { UV_THREADPOOL_SIZE: '2', MALLOC_ARENA_MAX: '1' };

/**
 * Replaces this process by itself with those flags, once: same process id, so that supervisors and Ctrl-C see one program. Costs one
 * start of Node (some 40 ms) and saves some 10 MB for as long as the program runs. Compiled code is kept below the data
 * folder and nowhere else: who can write there owns this process.
 */
export function retune(command: 'server' | 'agent', dataDir: string): void {
  if (process.env['CORACLE_TUNED'] === command || !process.execve) return;
  const cache = join(dataDir, 'cache');
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const environment = {
    NODE_COMPILE_CACHE: cache,
    ...ENVIRONMENT,
    ...process.env,
    CORACLE_TUNED: command,
  };
  const [node = process.execPath, ...rest] = [
    process.execPath,
    ...NODE_FLAGS,
    ...process.execArgv,
    ...process.argv.slice(1),
  ];
  process.execve(node, [node, ...rest], environment as Record<string, string>);
}
