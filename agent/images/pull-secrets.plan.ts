import { isObject } from '#proto/meta/own-property.ts';
/** Which of a pod's pull secrets is for an image. Rule: upstream's `pkg/credentialprovider`. */
/** What a registry is shown. */
export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
  readonly serverAddress: string;
  readonly identityToken?: string;
}

interface Entry {
  readonly host: string;
  readonly path: string;
  readonly auth: RegistryAuth;
}

/**
 * Credentials for `registry/repository` out of decoded `.dockerconfigjson` (or legacy `.dockercfg`) texts, the most
 * exact match first. What cannot be read is passed over: the pull then says what the registry thinks of it.
 */
export function authsFor(
  image: { readonly registry: string; readonly repository: string },
  configs: readonly string[],
  decode: (base64: string) => string,
): readonly RegistryAuth[] {
  return configs
    .flatMap((text) => entriesOf(text, decode))
    .filter((entry) => matches(entry, image))
    .sort((a, b) => b.path.length - a.path.length || b.host.length - a.host.length)
    .map(({ auth }) => auth);
}

function entriesOf(text: string, decode: (base64: string) => string): readonly Entry[] {
  const parsed = parse(text);
  if (!isObject(parsed)) return [];
  const auths = isObject(parsed['auths']) ? parsed['auths'] : parsed;
  return Object.entries(auths).flatMap(([server, value]) => {
    const auth = isObject(value) ? authOf(value, server, decode) : undefined;
    if (!auth) return [];
    const [host = '', ...path] = server.replace(/^https?:\/\//, '').split('/');
    // Docker's own: `https://index.docker.io/v1/`.
    const legacy = path[0] === 'v1' || path[0] === 'v2';
    const registry = host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host;
    return [{ host: registry, path: legacy ? '' : path.filter((part) => part !== '').join('/'), auth }];
  });
}

function authOf(
  value: Readonly<Record<string, unknown>>,
  serverAddress: string,
  decode: (base64: string) => string,
): RegistryAuth | undefined {
  const text = (key: string): string => (typeof value[key] === 'string' ? value[key] : '');
  const [user = '', ...rest] = text('auth') === '' ? [] : decode(text('auth')).replace(/\0+$/, '').split(':');
  const username = user || text('username');
  const password = rest.length > 0 ? rest.join(':') : text('password');
  const identityToken = text('identitytoken');
  if (!username && !identityToken) return undefined;
  return { username, password, serverAddress, ...(identityToken ? { identityToken } : {}) };
}

/** A host may hold `*` for one part of a name: `*.example.com`. */
function matches(entry: Entry, image: { readonly registry: string; readonly repository: string }): boolean {
  const wanted = entry.host.split('.');
  const given = image.registry.split('.');
  const host =
    wanted.length === given.length &&
    wanted.every((part, i) =>
      new RegExp(`^${part.split('*').map(escapePattern).join('[^.]*')}$`).test(given[i] ?? ''),
    );
  return (
    host &&
    (entry.path === '' || image.repository === entry.path || image.repository.startsWith(`${entry.path}/`))
  );
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
