#!/usr/bin/env node
/**
 * The `coracle` command. It runs twice for a server or an agent: first it reads what a person wrote, then, as the same
 * process with flags for a small board, it loads that one program. Parsers of flags and YAML stay behind in the first.
 */
import { OptionError, variableOf } from '#proto/config/options.ts';
import { StatusError } from '#proto/meta/status-error.ts';
import { runProgram } from './programs.ts';
import { takeRetuned } from './tune.ts';

try {
  const retuned = takeRetuned();
  if (retuned) await runProgram(retuned.program, retuned.options as never);
  else await import('./command.ts');
} catch (err) {
  fail(err);
}

/** What went wrong in the words of whoever found out, and no stack: a person reads this. */
function fail(err: unknown): void {
  if (err instanceof OptionError)
    process.stderr.write(`${err.problems.map((p) => `coracle: ${p}`).join('\n')}\n`);
  else if (err instanceof StatusError)
    process.stderr.write(`Error from server (${err.reason}): ${err.message}\n`);
  else process.stderr.write(`coracle: ${err instanceof Error ? err.message : String(err)}\n`);
  if (process.env[variableOf('debug')]) process.stderr.write(`${(err as Error).stack}\n`);
  process.exit(1);
}
