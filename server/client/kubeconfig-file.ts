import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { isObject } from '#proto/meta/own-property.ts';
import type { HttpClientOptions } from '#server/client/http-client.ts';

/** The kubeconfig can't be used; the message says what to do. */
export class KubeconfigError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'KubeconfigError';
  }
}

/**
 * Reads the current context of a kubeconfig: certificates and keys inside it or in files beside it, or a token.
 * `path` may be a list as in KUBECONFIG; its first file that exists counts. Throws a {@link KubeconfigError}.
 */
export function readKubeconfig(path: string): HttpClientOptions {
  const candidates = path.split(delimiter).filter(Boolean);
  const file = candidates.find((candidate) => existsSync(candidate)) ?? candidates[0] ?? path;
  const config = parse(file, read(file));
  const entry = (list: string, kind: string, name: string): Fields => {
    const found = asList(config[list]).find((one) => one['name'] === name);
    if (!found) throw new KubeconfigError(`${file}: there is no ${kind} ${JSON.stringify(name)}`);
    return fields(found[kind]);
  };
  const current = text(config['current-context']);
  if (!current) throw new KubeconfigError(`${file}: current-context is not set`);
  const context = entry('contexts', 'context', current);
  const cluster = entry('clusters', 'cluster', text(context['cluster']) ?? '');
  const user = entry('users', 'user', text(context['user']) ?? '');

  const server = text(cluster['server']);
  if (!server || !URL.canParse(server)) throw new KubeconfigError(`${file}: the cluster's server is no URL`);
  if (cluster['insecure-skip-tls-verify'] === true)
    throw new KubeconfigError(`${file}: insecure-skip-tls-verify is not supported: name the cluster's CA`);
  const ca = pemOf(file, cluster, 'certificate-authority');
  const cert = pemOf(file, user, 'client-certificate');
  const key = pemOf(file, user, 'client-key');
  const token = text(user['token']) ?? tokenOf(file, user);
  if (!token && !(cert && key))
    throw new KubeconfigError(`${file}: the user has neither a client certificate with its key nor a token`);
  return {
    server,
    ...(ca ? { ca } : {}),
    ...(cert && key ? { cert, key } : {}),
    ...(token ? { token } : {}),
  };
}

type Fields = Readonly<Record<string, unknown>>;

const fields = (value: unknown): Fields => (isObject(value) ? value : {});
const asList = (value: unknown): Fields[] => (Array.isArray(value) ? value.map(fields) : []);
const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

const REASON: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
};

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (err) {
    const { code = '', message } = err as NodeJS.ErrnoException;
    throw new KubeconfigError(
      `can't read ${path}: ${REASON[code] ?? message}: run this on the server as root, or name another kubeconfig with --kubeconfig`,
      err,
    );
  }
}

function parse(file: string, content: string): Fields {
  try {
    const config: unknown = parseYaml(content);
    if (isObject(config)) return config;
  } catch (err) {
    // A parser's message quotes lines, and these hold keys.
    throw new KubeconfigError(`${file}: it is not YAML`, err);
  }
  throw new KubeconfigError(`${file}: it is no kubeconfig`);
}

/** What stands in `<name>-data`, else in the file that `<name>` names, which is relative to the kubeconfig. */
function pemOf(file: string, from: Fields, name: string): string | undefined {
  const data = text(from[`${name}-data`]);
  if (data) return Buffer.from(data, 'base64').toString('utf8');
  const path = text(from[name]);
  return path && read(resolve(dirname(file), path));
}

function tokenOf(file: string, user: Fields): string | undefined {
  const path = text(user['tokenFile']);
  return path && read(resolve(dirname(file), path)).trim();
}
