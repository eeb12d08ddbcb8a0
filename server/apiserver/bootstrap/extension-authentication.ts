import { configmaps } from '#proto/api/core/configmaps.ts';
import type { Logger } from '#proto/meta/log.ts';
import { isAlreadyExists, isNotFound } from '#proto/meta/status-error.ts';
import type { ConfigMap } from '#proto/schema/generated/core-v1.ts';
import type { ApiClient } from '#server/client/client.ts';
import type { InformerFactory } from '#server/client/informer-factory.ts';

const KEY = { namespace: 'kube-system', name: 'extension-apiserver-authentication' };

export interface ExtensionAuthentication {
  /** The CA of client certificates, PEM. */
  readonly clientCa: string;
  /** The CA of the front proxy, PEM, and the name in its certificate. */
  readonly frontProxyCa: string;
  readonly frontProxyName: string;
}

/**
 * What aggregated servers read to know whom to believe: the CA of users' certificates, and that of this server's own, with the
 * headers in which it names the user. Rule: upstream's `clusterauthenticationtrust` controller.
 */
export async function ensureExtensionAuthentication(
  client: ApiClient,
  trust: ExtensionAuthentication,
): Promise<void> {
  const data = dataOf(trust);
  const current = await client.get(configmaps, KEY).catch((err: unknown) => {
    if (isNotFound(err)) return undefined;
    throw err;
  });
  if (!current) {
    await client.create(configmaps, { metadata: KEY, data }).catch((err: unknown) => {
      if (!isAlreadyExists(err)) throw err;
    });
    return;
  }
  const isSame = Object.entries(data).every(([key, value]) => current.data?.[key] === value);
  if (!isSame) await client.update(configmaps, { ...current, data: { ...current.data, ...data } });
}

/** Puts it right again when somebody changes or deletes it. Until the program ends. */
export function keepExtensionAuthentication(options: {
  readonly client: ApiClient;
  readonly informers: InformerFactory;
  readonly trust: ExtensionAuthentication;
  readonly log: Logger;
}): void {
  const { client, informers, trust, log } = options;
  informers.for<ConfigMap>(configmaps).onChange((_type, { metadata }) => {
    if (metadata.namespace !== KEY.namespace || metadata.name !== KEY.name) return;
    ensureExtensionAuthentication(client, trust).catch((err: unknown) =>
      log.error('what aggregated servers trust could not be told', { err }),
    );
  });
}

const dataOf = ({
  clientCa,
  frontProxyCa,
  frontProxyName,
}: ExtensionAuthentication): Record<string, string> => ({
  'client-ca-file': clientCa,
  'requestheader-allowed-names': JSON.stringify([frontProxyName]),
  'requestheader-client-ca-file': frontProxyCa,
  'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
  'requestheader-group-headers': '["X-Remote-Group"]',
  'requestheader-uid-headers': '["X-Remote-Uid"]',
  'requestheader-username-headers': '["X-Remote-User"]',
});
