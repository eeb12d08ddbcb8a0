/** Records of a terminal, for pictures of it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '#firmware/build/run.ts';

/** What was typed and what came back. */
export class Recorder {
  readonly #folder: string;
  readonly #records: string;
  readonly #say: (line: string) => void;
  #env: Readonly<Record<string, string>> = {};

  /** Commands run in `folder`. */
  constructor(folder: string, records: string, say: (line: string) => void) {
    this.#folder = folder;
    this.#records = records;
    this.#say = say;
  }

  set env(env: Readonly<Record<string, string>>) {
    this.#env = env;
  }

  /** What a command prints, both streams. Rejects where it fails. */
  type(command: string): Promise<string> {
    return run('bash', ['-c', `exec 2>&1; ${command}`], { cwd: this.#folder, env: this.#env });
  }

  async session(name: string, title: string, commands: readonly string[], prompt = '$'): Promise<void> {
    const lines: string[] = [];
    for (const command of commands) lines.push(`${prompt} ${command}`, (await this.type(command)).trimEnd());
    this.write(name, title, lines.filter(Boolean).join('\n'));
  }

  write(name: string, title: string, text: string): void {
    mkdirSync(this.#records, { recursive: true });
    writeFileSync(join(this.#records, `${name}.txt`), `${title}\n${plain(text)}\n`);
    this.#say(`recorded ${name}`);
  }
}

/** Without colours, cursor movements and carriage returns. */
export function plain(text: string): string {
  const [esc, bell] = [String.fromCharCode(27), String.fromCharCode(7)];
  const escapes = new RegExp(
    `${esc}(\\][^${bell}]*${bell}|\\[[0-9;=?!]*[a-zA-Z]|[()][A-Z0-9]|[0-9]*[a-zA-Z])`,
    'g',
  );
  return text.replaceAll('\r', '').replace(escapes, '').trimEnd();
}
