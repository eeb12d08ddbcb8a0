import { expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { MemoryClient } from '#server/client/memory-client.ts';
import { createToken, deleteToken, listTokens } from './tokens.ts';

it('creates, lists and deletes join tokens', async () => {
  const client = new MemoryClient();
  const now = new FakeClock().now();
  const daily = await createToken(client, { now, description: 'the garage' });
  const lasting = await createToken(client, { now, token: 'zzzzzz.0123456789abcdef', ttlMs: 0 });
  expect(daily).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}$/);
  const listed = await listTokens(client);
  expect(listed.find((t) => t.token.id === daily.slice(0, 6))).toMatchObject({
    description: 'the garage',
    expiresMs: now + 86_400_000,
    usages: ['authentication', 'signing'],
  });
  expect(listed.find((t) => t.token.id === 'zzzzzz')?.expiresMs).toBeUndefined();
  await deleteToken(client, lasting);
  await deleteToken(client, daily.slice(0, 6));
  expect(await listTokens(client)).toEqual([]);
  await expect(deleteToken(client, daily)).rejects.toMatchObject({ code: 404 });
});

it.each(['x', 'ABCDEF.0123456789abcdef', 'abcdef.short'])('refuses %s', async (token) => {
  await expect(createToken(new MemoryClient(), { now: 0, token })).rejects.toMatchObject({ code: 400 });
  await expect(deleteToken(new MemoryClient(), token)).rejects.toMatchObject({ code: 400 });
});
