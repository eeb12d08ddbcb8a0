import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hostArchitecture } from '#firmware/images/build-images.ts';
import { type CommandOptions, type CommandResult, command } from '../boards/shell.ts';

const ROOT = join(import.meta.dirname, '../../..');

/** The one that setup.sh fetched, else the machine's own. */
export function kubectlPath(): string {
  const fetched = join(ROOT, '.cache/kubectl', hostArchitecture(), 'kubectl');
  return existsSync(fetched) ? fetched : 'kubectl';
}

/** Real kubectl, talking to one cluster as one user. */
export class Kubectl {
  readonly #base: readonly string[];
  readonly #home: string;

  constructor(kubeconfig: string, server: string, home: string) {
    this.#base = [kubectlPath(), '--kubeconfig', kubeconfig, '--server', server];
    this.#home = home;
  }

  /** The whole command line, for a caller that wants to start it by itself. */
  argv(args: string | readonly string[]): readonly string[] {
    return [...this.#base, ...(typeof args === 'string' ? args.split(' ') : args)];
  }

  /** A string is split at spaces. Resolves whatever the exit code. */
  run(args: string | readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return command(this.argv(args), {
      ...options,
      env: { HOME: this.#home, KUBECACHEDIR: join(this.#home, 'cache'), ...options.env },
    });
  }

  /** Its output; rejects with what it said when it fails. */
  async ok(args: string | readonly string[], options: CommandOptions = {}): Promise<string> {
    const result = await this.run(args, options);
    if (result.code !== 0)
      throw new Error(
        `kubectl ${typeof args === 'string' ? args : args.join(' ')}: exit code ${result.code}\n${result.stderr}${result.stdout}`,
      );
    return result.stdout;
  }

  /** The object or list that a command with `-o json` prints. */
  async json<T>(args: string | readonly string[], options: CommandOptions = {}): Promise<T> {
    const argv = typeof args === 'string' ? args.split(' ') : args;
    return JSON.parse(await this.ok([...argv, '-o', 'json'], options)) as T;
  }
}
