import { randomBytes } from 'node:crypto';
import { secrets } from '#proto/api/core/secrets.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { Secret } from '#proto/schema/generated/core-v1.ts';
import type { ApiClient } from '#server/client/client.ts';
import { DASHBOARD_USER, HOME_ASSISTANT_USER } from './mosquitto.plan.ts';

const KEY = { namespace: 'kube-system', name: 'coracle-mqtt' };
const USERS = [DASHBOARD_USER, HOME_ASSISTANT_USER];

/**
 * The passwords of those who read the cluster's own broker, by user: in Secret `kube-system/coracle-mqtt`, made at the
 * first call. Who changes or removes one there has a new one after the next start of the server.
 */
export async function ensureDashboardPasswords(client: ApiClient): Promise<Readonly<Record<string, string>>> {
  const stored = await client.get<Secret>(secrets, KEY).catch((err: unknown) => {
    if (isNotFound(err)) return undefined;
    throw err;
  });
  const known = Object.fromEntries(
    Object.entries(stored?.data ?? {}).map(([user, value]) => [
      user,
      Buffer.from(value, 'base64').toString(),
    ]),
  );
  const passwords = Object.fromEntries(
    USERS.map((user) => [user, known[user] || randomBytes(18).toString('base64url')]),
  );
  const data = Object.fromEntries(
    Object.entries(passwords).map(([user, password]) => [user, Buffer.from(password).toString('base64')]),
  );
  if (!stored) await client.create<Secret>(secrets, { metadata: KEY, type: 'Opaque', data } as Secret);
  else if (USERS.some((user) => !known[user])) await client.patch<Secret>(secrets, KEY, 'merge', { data });
  return passwords;
}
