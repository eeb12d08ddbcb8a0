import { secrets } from '#proto/api/core/secrets.ts';
import { serviceaccounts } from '#proto/api/core/serviceaccounts.ts';
import { keyOf, parseKey } from '#proto/meta/object.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { Secret } from '#proto/schema/generated/core-v1.ts';
import { indexByNamespace } from '#server/client/object-cache.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';

/** Signs a token that is valid as long as its secret exists. */
export type IssueSecretToken = (claims: {
  readonly namespace: string;
  readonly serviceAccount: { readonly name: string; readonly uid: string };
  readonly secret: { readonly name: string; readonly uid: string };
}) => Promise<string>;

const TYPE = 'kubernetes.io/service-account-token';
const ACCOUNT_NAME = 'kubernetes.io/service-account.name';
const ACCOUNT_UID = 'kubernetes.io/service-account.uid';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/**
 * Fills secrets of type `kubernetes.io/service-account-token`: token, CA and namespace. One whose service
 * account has gone, or is another one by now, is deleted.
 */
export function createServiceAccountTokenController(
  context: ControllerContext,
  caPem: string,
  issueToken: IssueSecretToken,
): Controller {
  const { client, informers } = context;
  const all = informers.for(secrets);
  all.addIndex('service-account-tokens', (s) => (s.type === TYPE ? [s.metadata.namespace ?? ''] : []));
  const accounts = informers.for(serviceaccounts);
  accounts.addIndex('namespace', indexByNamespace);

  const accountOf = async (secret: Secret) => {
    const { namespace, annotations } = secret.metadata;
    const name = annotations?.[ACCOUNT_NAME];
    if (!name) return undefined;
    const cached = accounts.get(`${namespace}/${name}`);
    const uid = annotations[ACCOUNT_UID];
    if (cached && (!uid || uid === cached.metadata.uid)) return cached;
    // About to delete: the cache may be behind, so ask.
    try {
      const fresh = await client.get(serviceaccounts, { namespace, name });
      return uid && uid !== fresh.metadata.uid ? 'gone' : fresh;
    } catch (err) {
      if (isNotFound(err)) return 'gone';
      throw err;
    }
  };

  const queue = createQueue(context, 'service-account-tokens', async (key) => {
    const secret = all.get(key);
    if (secret?.type !== TYPE || secret.metadata.deletionTimestamp) return;
    const account = await accountOf(secret);
    if (!account) return;
    const { namespace = '', name = '', uid = '' } = secret.metadata;
    if (account === 'gone') {
      await client.delete(secrets, parseKey(key), { preconditions: { uid } });
      return;
    }
    const data = secret.data ?? {};
    const ca = base64(caPem);
    const accountUid = account.metadata.uid ?? '';
    const labelled = secret.metadata.annotations?.[ACCOUNT_UID] === accountUid;
    if (data['token'] && data['ca.crt'] === ca && data['namespace'] && labelled) return;
    const serviceAccount = { name: account.metadata.name ?? '', uid: accountUid };
    const token =
      data['token'] ?? base64(await issueToken({ namespace, serviceAccount, secret: { name, uid } }));
    await client.update(secrets, {
      ...secret,
      metadata: {
        ...secret.metadata,
        annotations: { ...secret.metadata.annotations, [ACCOUNT_UID]: accountUid },
      },
      data: { ...data, token, 'ca.crt': ca, namespace: base64(namespace) },
    });
  });
  all.onChange((type, secret) => {
    if (type !== 'DELETED' && secret.type === TYPE) queue.add(keyOf(secret));
  });
  accounts.onChange((type, { metadata }) => {
    if (type === 'MODIFIED') return;
    for (const secret of all.byIndex('service-account-tokens', metadata.namespace ?? '')) {
      if (secret.metadata.annotations?.[ACCOUNT_NAME] === metadata.name) queue.add(keyOf(secret));
    }
  });
  return { start: (signal) => queue.start(signal) };
}
