import { existsSync } from 'node:fs';
import { runProgram } from '#agent/net/run.ts';

/** The machine that is installed on; tests have one that only writes down what is asked of it. */
export interface Machine {
  /** In front of every path: `''` but in tests. */
  readonly root: string;
  isRoot(): boolean;
  hasSystemd(): boolean;
  systemctl(...args: string[]): Promise<string>;
  run(program: string, ...args: string[]): Promise<string>;
  say(line: string): void;
}

export const thisMachine = (): Machine => ({
  root: '',
  isRoot: () => process.getuid?.() === 0,
  hasSystemd: () => existsSync('/run/systemd/system'),
  systemctl: (...args) => runProgram('systemctl', args),
  run: (program, ...args) => runProgram(program, args),
  say: (line) => void process.stdout.write(`${line}\n`),
});
