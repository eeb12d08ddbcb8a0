import { expect, it } from 'vitest';
import type { Secret } from '#proto/schema/generated/core-v1.ts';
import { hashPassword } from './mosquitto-password.ts';
import { mqttUsersOf } from './mqtt-users.ts';

const passwordHash = hashPassword('secret');
const base64 = (data: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  );
const aSecret = (change: Partial<Secret> & { data?: Readonly<Record<string, string>> } = {}): Secret => ({
  metadata: { namespace: 'kube-system', name: 'coracle-mqtt-user-telegraf' },
  type: 'coracle.dev/mqtt-user',
  data: base64({ access: 'read-only', passwordHash }),
  ...change,
});
const named = (name: string, namespace = 'kube-system') => ({ metadata: { namespace, name } });

it('reads users, by name', () => {
  const other = aSecret(named('coracle-mqtt-user-home-assistant'));
  expect(mqttUsersOf([aSecret(), other]).map(({ name, access }) => [name, access])).toEqual([
    ['home-assistant', 'read-only'],
    ['telegraf', 'read-only'],
  ]);
});

it.each([
  ['of another type', aSecret({ type: 'Opaque' })],
  ['in another namespace', aSecret(named('coracle-mqtt-user-x', 'default'))],
  ['of another name', aSecret(named('mqtt-user-x'))],
  ['whose name would be a line of its own', aSecret(named('coracle-mqtt-user-x\nuser root'))],
  ['whose name is a filter', aSecret(named('coracle-mqtt-user-#'))],
  [
    'that is going',
    aSecret({ metadata: { ...aSecret().metadata, deletionTimestamp: '2026-11-20T12:00:00Z' } }),
  ],
  ['without data', aSecret({ data: {} })],
  ['with more access than there is', aSecret({ data: base64({ access: 'admin', passwordHash }) })],
  [
    'with a password in place of its hash',
    aSecret({ data: base64({ access: 'read-only', passwordHash: 'x' }) }),
  ],
  [
    'with a hash of two lines',
    aSecret({ data: base64({ access: 'read-only', passwordHash: `${passwordHash}\nroot:${passwordHash}` }) }),
  ],
])('leaves out a Secret %s', (_, secret) => expect(mqttUsersOf([secret])).toEqual([]));
