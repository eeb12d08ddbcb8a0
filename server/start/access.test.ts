import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { secrets } from '#proto/api/core/secrets.ts';
import { serviceaccounts } from '#proto/api/core/serviceaccounts.ts';
import { SystemClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { generateKey } from '#proto/pki/key.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';
import { issueServiceAccountToken } from '#server/apiserver/authn/token-request.ts';
import { identitySecret } from '#server/nodes/identity-secret.ts';
import { openAccess } from './access.ts';
import type { Foundation } from './foundation.ts';

it('cuts what Pods of a board have open when the board is revoked', async () => {
  const { store, put } = aCluster();
  const account = await put(serviceaccounts, { metadata: { name: 'web', namespace: 'shop', uid: 'sa-1' } });
  await put(nodes, { metadata: { name: 'pi', uid: 'node-1' }, spec: {} });
  await put(pods, {
    metadata: { name: 'web-0', namespace: 'shop', uid: 'pod-1' },
    spec: { containers: [], serviceAccountName: 'web', nodeName: 'pi' },
  });
  const access = await openAccess({
    options: { clusterDomain: 'cluster.local', oidcIssuerUrl: '' },
    keys: { current: { serviceAccountKey: generateKey() } },
    ...{ store, clock: new SystemClock(), log: silent },
  } as Foundation);
  const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'web-0', uid: 'pod-1' };
  const request = { metadata: {}, spec: { audiences: [], boundObjectRef } };
  const { status } = await issueServiceAccountToken(access, request, account, async () => {});
  const credentials = {
    authorization: `Bearer ${status?.token}`,
    socket: Object.assign(new EventEmitter(), { authorized: false, destroy: () => cut() }),
  };
  let isCut = false;
  const cut = (): void => {
    isCut = true;
  };
  const ask = async () => {
    for (const one of access.authenticators) {
      const user = await one.authenticate(credentials as never);
      if (user) return user.name;
    }
    return undefined;
  };
  expect(await ask()).toBe('system:serviceaccount:shop:web');
  const identity = { name: 'pi', key: 'k', hardware: 'h', sinceMs: 1_000 };
  await put(secrets, identitySecret(identity));
  expect(isCut).toBe(false);
  await put(secrets, identitySecret({ ...identity, revokedMs: 2_000 }));
  expect(isCut).toBe(true);
  await expect(ask()).rejects.toMatchObject({ code: 401 });
});
