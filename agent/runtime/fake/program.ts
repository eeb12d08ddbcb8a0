import type { ContainerConfig } from '../runtime.ts';

/** What a container does by itself once started. */
export type Behaviour = { readonly ignoresTerm?: boolean } & (
  | { readonly type: 'run' }
  | { readonly type: 'exit'; readonly exitCode: number; readonly afterMs: number }
  | { readonly type: 'start-error'; readonly message: string }
);

/**
 * The few commands that tests of pods are made of, with the meaning that they have in a real container: `true`, `false`,
 * and `sh -c` of `sleep S`, `exit N` and the two after each other. A path below `/missing/` does not start, and all else runs
 * until it is stopped.
 */
export function behaviourOf(config: ContainerConfig): Behaviour {
  const [program = '', ...rest] = [...config.command, ...config.args];
  if (program.startsWith('/missing/')) {
    const why = `exec: "${program}": stat ${program}: no such file or directory`;
    return { type: 'start-error', message: `failed to create containerd task: ${why}: unknown` };
  }
  if (program === 'true') return { type: 'exit', exitCode: 0, afterMs: 0 };
  if (program === 'false') return { type: 'exit', exitCode: 1, afterMs: 0 };
  const script = program === 'sh' && rest[0] === '-c' ? (rest[1] ?? '') : '';
  const match = /^(?:sleep ([\d.]+))?(?:; )?(?:exit (\d+))?$/.exec(script);
  if (!match || script === '') return { type: 'run' };
  const afterMs = Number(match[1] ?? 0) * 1000;
  return { type: 'exit', exitCode: Number(match[2] ?? 0), afterMs };
}
