import { Command } from 'commander';
import { expect, it } from 'vitest';
import { secrets } from '#proto/api/core/secrets.ts';
import { clusterrolebindings } from '#proto/api/rbac/clusterrolebindings.ts';
import { MemoryClient } from '#server/client/memory-client.ts';
import { isPassword } from '#server/telemetry/mosquitto-password.ts';
import { listMqttUsers } from '#server/telemetry/mqtt-users.ts';
import { addMqttCommands } from './mqtt.ts';

function aTerminal() {
  const client = new MemoryClient();
  let out = '';
  const run = (...args: string[]) => {
    out = '';
    const program = new Command('coracle');
    addMqttCommands(program, {
      out: (text) => {
        out += text;
      },
      hint: undefined,
      now: () => 0,
      read: () => ({ server: 'https://127.0.0.1:6443' }),
      connect: () => client,
    });
    return program.parseAsync(['mqtt', 'user', ...args, '--kubeconfig', '/k'], { from: 'user' });
  };
  return { client, run, out: () => out };
}

it('makes a user, prints the password once and keeps its hash', async () => {
  const { client, run, out } = aTerminal();
  await run('create', 'telegraf');
  const password = out().trim();
  expect(password).toMatch(/^[\w-]{24}$/);
  const [user] = await listMqttUsers(client);
  expect(user).toMatchObject({ name: 'telegraf', access: 'read-only' });
  expect(await isPassword(password, user?.passwordHash ?? '')).toBe(true);
  expect(JSON.stringify(await client.list(secrets))).not.toContain(Buffer.from(password).toString('base64'));
  expect((await client.list(clusterrolebindings)).items).toEqual([]);
  await run('list');
  expect(out()).toBe('NAME       ACCESS\ntelegraf   read-only\n');
  await expect(run('create', 'telegraf')).rejects.toMatchObject({ code: 409 });
});

it('gives who may command the right to, and takes it away', async () => {
  const { client, run, out } = aTerminal();
  await run('create', 'home-assistant', '--access', 'read-write');
  expect((await client.list(clusterrolebindings)).items).toMatchObject([
    { roleRef: { name: 'coracle:mqtt-commands' }, subjects: [{ name: 'coracle:mqtt:home-assistant' }] },
  ]);
  await run('delete', 'home-assistant');
  expect(out()).toBe('mqtt user "home-assistant" deleted\n');
  expect((await client.list(clusterrolebindings)).items).toEqual([]);
  expect(await listMqttUsers(client)).toEqual([]);
  await expect(run('delete', 'home-assistant')).rejects.toMatchObject({ code: 404 });
});

it.each(['Home', 'a/b', '+', '#', '', 'a:b', 'x'.repeat(64)])('takes no user %j', async (name) => {
  await expect(aTerminal().run('create', name)).rejects.toMatchObject({ code: 400 });
});
