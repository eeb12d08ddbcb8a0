/** What a pod has on the board's disk beside its volumes: hosts file, termination messages, log folders. */
import { access, mkdir, open, readdir, readlink, rm, rmdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ContainerState } from '#agent/runtime/runtime.ts';
import { TERMINATION_MESSAGE_PATH, TERMINATION_MESSAGE_POLICY } from './labels.ts';

const MAX_MESSAGE_BYTES = 4096;
const MAX_LOG_BYTES = 2048;
const MAX_LOG_LINES = 80;

export interface PodIdentity {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

export class PodFiles {
  readonly #podsDir: string;
  readonly #logsDir: string;
  readonly #linksDir: string;

  /** `<logsDir>` is `/var/log/pods`; the links are in `containers` beside it. */
  constructor(podsDir: string, logsDir: string) {
    this.#podsDir = podsDir;
    this.#logsDir = logsDir;
    this.#linksDir = path.join(logsDir, '../containers');
  }

  /** The folder that the runtime writes the pod's logs to; the name is what log collectors expect. */
  logDirectory({ uid, namespace, name }: PodIdentity): string {
    return path.join(this.#logsDir, `${namespace}_${name}_${uid}`);
  }

  async prepareLogs(pod: PodIdentity, container: string): Promise<void> {
    await mkdir(path.join(this.logDirectory(pod), container), { recursive: true });
  }

  /**
   * Where Filebeat, Fluent Bit and Promtail look for the log of a container: a link that names pod, namespace, container
   * and its id. Rule: the kubelet's `legacyLogSymlink`, `/var/log/containers`.
   */
  async linkLog(pod: PodIdentity, container: string, attempt: number, id: string): Promise<void> {
    const link = path.join(this.#linksDir, linkName(pod, container, id));
    await mkdir(this.#linksDir, { recursive: true });
    await rm(link, { force: true });
    await symlink(path.join(this.logDirectory(pod), container, `${attempt}.log`), link);
  }

  /** Removes links to logs that are gone, of pods that ended while this board was off. */
  sweepLinks(): Promise<void> {
    return this.#removeLinks(`${this.#logsDir}/`);
  }

  async #removeLinks(targets: string): Promise<void> {
    for (const name of await readdir(this.#linksDir).catch((): string[] => [])) {
      const link = path.join(this.#linksDir, name);
      const target = await readlink(link).catch(() => '');
      if (!target.startsWith(targets)) continue;
      await access(target).catch(() => rm(link, { force: true }));
    }
  }

  async removeLog(pod: PodIdentity, container: string, attempt: number, id: string): Promise<void> {
    await rm(path.join(this.#linksDir, linkName(pod, container, id)), { force: true });
    const dir = path.join(this.logDirectory(pod), container);
    const names = await readdir(dir).catch(() => []);
    const own = names.filter((name) => name.startsWith(`${attempt}.log`));
    await Promise.all(own.map((name) => rm(path.join(dir, name), { force: true })));
  }

  async writeHosts(uid: string, text: string): Promise<string> {
    const file = path.join(this.#podsDir, uid, 'etc-hosts');
    await mkdir(path.dirname(file), { recursive: true });
    // In place: running containers have this very file mounted.
    await writeFile(file, text, { mode: 0o644 });
    return file;
  }

  /** An empty file for one run; any user of the container may write it. */
  async terminationFile(uid: string, container: string, attempt: number): Promise<string> {
    const file = path.join(this.#podsDir, uid, 'containers', container, String(attempt));
    await mkdir(path.dirname(file), { recursive: true });
    const handle = await open(file, 'w', 0o666);
    try {
      await handle.chmod(0o666);
    } finally {
      await handle.close();
    }
    return file;
  }

  async removeTerminationFile(uid: string, container: string, attempt: number): Promise<void> {
    await rm(path.join(this.#podsDir, uid, 'containers', container, String(attempt)), { force: true });
  }

  /** What a container left as its last words, by its own policy. */
  async terminationMessage(pod: PodIdentity, state: ContainerState): Promise<string> {
    const file = state.annotations[TERMINATION_MESSAGE_PATH];
    const written = file ? await head(file, MAX_MESSAGE_BYTES) : '';
    if (written) return written;
    const policy = state.annotations[TERMINATION_MESSAGE_POLICY];
    if (policy === 'FallbackToLogsOnError' && state.exitCode !== 0) {
      const log = path.join(this.logDirectory(pod), state.name, `${state.attempt}.log`);
      const text = await logTail(log);
      if (text) return text;
    }
    return state.message;
  }

  /** Everything but the volumes, which are others' to remove. */
  async forget(pod: PodIdentity): Promise<void> {
    const dir = path.join(this.#podsDir, pod.uid);
    await rm(path.join(dir, 'etc-hosts'), { force: true });
    await rm(path.join(dir, 'containers'), { recursive: true, force: true });
    await rm(this.logDirectory(pod), { recursive: true, force: true });
    await this.#removeLinks(`${this.logDirectory(pod)}/`);
    await rmdir(dir).catch(() => undefined);
  }
}

/** A file's name has 255 bytes, and log collectors want the id: the rest is cut. */
function linkName({ name, namespace }: PodIdentity, container: string, id: string): string {
  const MAX = 251;
  const end = `-${id}.log`;
  return `${`${name}_${namespace}_${container}`.slice(0, MAX - end.length)}${end}`;
}

async function head(file: string, bytes: number): Promise<string> {
  return slice(file, (size) => [0, Math.min(size, bytes)]);
}

/** The last lines of a CRI log, without their time and stream. */
async function logTail(file: string): Promise<string> {
  const raw = await slice(file, (size) => [
    Math.max(0, size - 4 * MAX_LOG_BYTES),
    Math.min(size, 4 * MAX_LOG_BYTES),
  ]);
  const lines = raw
    .split('\n')
    .map((line) => /^\S+ std(?:out|err) ([FP]) (.*)$/.exec(line))
    .filter((match) => match !== null)
    .slice(-MAX_LOG_LINES);
  const text = lines.map((match) => `${match[2]}${match[1] === 'F' ? '\n' : ''}`).join('');
  return Buffer.from(text).subarray(-MAX_LOG_BYTES).toString();
}

async function slice(file: string, range: (size: number) => [number, number]): Promise<string> {
  try {
    const handle = await open(file, 'r');
    try {
      const [from, length] = range((await handle.stat()).size);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, from);
      return buffer.subarray(0, bytesRead).toString();
    } finally {
      await handle.close();
    }
  } catch {
    // No file, no words: a container need not have any.
    return '';
  }
}
