/** Server and agent, each loaded only when it is the one to run. */
import type { AgentOptions } from '#agent/options.ts';
import type { ServerOptions } from '#server/options.ts';

/** What a program is started with. */
export interface ProgramOptions {
  readonly server: ServerOptions;
  readonly agent: AgentOptions;
}

const PROGRAMS: { readonly [K in keyof ProgramOptions]: (options: ProgramOptions[K]) => Promise<void> } = {
  server: async (options) => (await import('#server/main.ts')).main(options),
  agent: async (options) => (await import('#agent/main.ts')).main(options),
};

/** Runs it to its end. */
export const runProgram = <K extends keyof ProgramOptions>(
  program: K,
  options: ProgramOptions[K],
): Promise<void> => PROGRAMS[program](options);
