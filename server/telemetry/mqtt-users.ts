/**
 * People's programs at the cluster's broker. Each is a Secret in kube-system, so that they come and go while the server
 * runs, and holds no password, only its hash: `data.access` and `data.passwordHash`, as `mosquitto_passwd` writes it. Who may
 * command has a ClusterRoleBinding beside it: the broker lets a command in, RBAC lets it do something.
 */
import { randomBytes } from 'node:crypto';
import { secrets } from '#proto/api/core/secrets.ts';
import { clusterrolebindings } from '#proto/api/rbac/clusterrolebindings.ts';
import { clusterroles } from '#proto/api/rbac/clusterroles.ts';
import { badRequest, isAlreadyExists, isNotFound, notFound } from '#proto/meta/status-error.ts';
import type { Secret } from '#proto/schema/generated/core-v1.ts';
import type { ClusterRole, ClusterRoleBinding } from '#proto/schema/generated/rbac-v1.ts';
import type { ApiClient } from '#server/client/client.ts';
import type { MqttAccess, MqttUser } from './access.plan.ts';
import { hashPassword, isPasswordHash } from './mosquitto-password.ts';

const NAMESPACE = 'kube-system';
const TYPE = 'coracle.dev/mqtt-user';
const secretName = (user: string): string => `coracle-mqtt-user-${user}`;
/** As in a topic and in a line of mosquitto's files. */
const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** The user in whose name a program's commands come to the API. */
export const apiUserOf = (user: string): string => `coracle:mqtt:${user}`;
const COMMANDS_ROLE = 'coracle:mqtt-commands';

/** What the commands do; bound to each read-write user, so that an administrator can bind less or more. */
const RULES: ClusterRole['rules'] = [
  { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'patch'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
  { apiGroups: [''], resources: ['pods/eviction'], verbs: ['create'] },
  { apiGroups: ['apps'], resources: ['deployments'], verbs: ['patch'] },
];

/** Whether a Secret is, or was meant to be, a user: it may be going. */
export const isMqttUser = ({ metadata, type }: Secret): boolean =>
  metadata.namespace === NAMESPACE && type === TYPE;

/** The users among Secrets, by name. */
export const mqttUsersOf = (all: readonly Secret[]): readonly MqttUser[] =>
  all
    .map(readMqttUser)
    .filter((user) => user !== undefined)
    .sort((a, b) => (a.name < b.name ? -1 : 1));

/** Undefined where the Secret is no user, is going, or is not whole. */
function readMqttUser(secret: Secret): MqttUser | undefined {
  const { metadata, data } = secret;
  if (!isMqttUser(secret) || metadata.deletionTimestamp) return undefined;
  const text = (key: string): string => Buffer.from(data?.[key] ?? '', 'base64').toString('utf8');
  const name = metadata.name?.slice(secretName('').length) ?? '';
  const [access, passwordHash] = [text('access'), text('passwordHash')];
  if (metadata.name !== secretName(name) || !NAME.test(name) || !isPasswordHash(passwordHash))
    return undefined;
  if (access !== 'read-only' && access !== 'read-write') return undefined;
  return { name, access, passwordHash };
}

/** `coracle mqtt user create`: gives the password, which is kept nowhere. 409 where the user is there. */
export async function createMqttUser(client: ApiClient, name: string, access: MqttAccess): Promise<string> {
  if (!NAME.test(name))
    throw badRequest(
      `the user name ${JSON.stringify(name)} is not 1 to 63 lower case letters, digits and inner hyphens`,
    );
  const password = randomBytes(18).toString('base64url');
  const data = { access, passwordHash: hashPassword(password) };
  await client.create<Secret>(secrets, {
    metadata: { namespace: NAMESPACE, name: secretName(name) },
    type: TYPE,
    data: Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    ),
  });
  if (access === 'read-write') await allowCommands(client, name);
  return password;
}

async function allowCommands(client: ApiClient, name: string): Promise<void> {
  const there = (err: unknown): void => {
    if (!isAlreadyExists(err)) throw err;
  };
  await client
    .create<ClusterRole>(clusterroles, { metadata: { name: COMMANDS_ROLE }, rules: RULES })
    .catch(there);
  await client
    .create<ClusterRoleBinding>(clusterrolebindings, {
      metadata: { name: apiUserOf(name) },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: COMMANDS_ROLE },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: apiUserOf(name) }],
    })
    .catch(there);
}

/** `coracle mqtt user list`, by name. */
export async function listMqttUsers(client: ApiClient): Promise<readonly MqttUser[]> {
  const { items } = await client.list(secrets, { namespace: NAMESPACE });
  return mqttUsersOf(items);
}

/** `coracle mqtt user delete`: with its rights. 404 where there is none. */
export async function deleteMqttUser(client: ApiClient, name: string): Promise<void> {
  if (!NAME.test(name)) throw notFound({ group: '', resource: 'mqtt users' }, name);
  const gone = (err: unknown): void => {
    if (!isNotFound(err)) throw err;
  };
  await client.delete(clusterrolebindings, { name: apiUserOf(name) }).catch(gone);
  try {
    await client.delete(secrets, { namespace: NAMESPACE, name: secretName(name) });
  } catch (err) {
    if (isNotFound(err)) throw notFound({ group: '', resource: 'mqtt users' }, name);
    throw err;
  }
}
