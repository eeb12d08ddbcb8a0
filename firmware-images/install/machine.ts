import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram } from '#agent/net/run.ts';
import { namespaces } from '#proto/api/core/namespaces.ts';
import { HttpClient } from '#server/client/http-client.ts';
import { readKubeconfig } from '#server/client/kubeconfig-file.ts';

/** The machine that is installed on; tests have one that only writes down what is asked of it. */
export interface Machine {
  /** In front of every path: `''` but in tests. */
  readonly root: string;
  isRoot(): boolean;
  hasSystemd(): boolean;
  systemctl(...args: string[]): Promise<string>;
  run(program: string, ...args: string[]): Promise<string>;
  /** Whether the API does that this kubeconfig leads to. */
  answers(kubeconfig: string): Promise<boolean>;
  sleep(ms: number): Promise<void>;
  say(line: string): void;
}

export const thisMachine = (): Machine => ({
  root: '',
  isRoot: () => process.getuid?.() === 0,
  hasSystemd: () => existsSync('/run/systemd/system'),
  systemctl: (...args) => runProgram('systemctl', args),
  run: (program, ...args) => runProgram(program, args),
  answers: async (kubeconfig) => {
    let client: HttpClient | undefined;
    try {
      client = new HttpClient(readKubeconfig(kubeconfig));
      await client.list(namespaces, { limit: 1 });
      return true;
    } catch {
      return false;
    } finally {
      client?.close();
    }
  },
  sleep: (ms) => sleep(ms),
  say: (line) => void process.stdout.write(`${line}\n`),
});
