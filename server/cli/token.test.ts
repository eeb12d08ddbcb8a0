import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { parseJoinToken } from '#proto/agent/join-token.ts';
import { endpoints } from '#proto/api/core/endpoints.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { createCa } from '#proto/pki/certificate.ts';
import { caHash, generateKey } from '#proto/pki/key.ts';
import { toPem } from '#proto/pki/pem.ts';
import { MemoryClient } from '#server/client/memory-client.ts';
import { createToken, listTokens } from '#server/tokens/tokens.ts';
import { addTokenCommands } from './token.ts';

function aTerminal(ca?: string) {
  const client = new MemoryClient();
  const now = new FakeClock().now();
  let out = '';
  let hint = '';
  const run = (...args: string[]) => {
    const program = new Command('coracle');
    addTokenCommands(program, {
      out: (text) => {
        out += text;
      },
      hint: (text) => {
        hint += text;
      },
      now: () => now,
      read: (kubeconfig) => {
        expect(kubeconfig).toBe('/k');
        return { server: 'https://127.0.0.1:6443', ...(ca ? { ca } : {}) };
      },
      connect: () => client,
    });
    return program.parseAsync(['token', ...args, '--kubeconfig', '/k'], { from: 'user' });
  };
  return { client, now, run, out: () => out, hint: () => hint };
}

describe('coracle token', () => {
  it('creates a token and shows the line for the other board', async () => {
    const { client, now, run, out, hint } = aTerminal();
    await client.create(endpoints, {
      metadata: { namespace: 'default', name: 'kubernetes' },
      subsets: [{ addresses: [{ ip: '192.168.1.2' }] }],
    });
    await run('create', '--ttl', '2h', '--description', 'the garage');
    const { token } = parseJoinToken(out());
    expect(out()).toBe(`${token}\n`);
    expect(hint()).toContain(`coracle agent --server https://192.168.1.2:6443 --token ${token}\n`);
    expect(await listTokens(client)).toMatchObject([
      { description: 'the garage', expiresMs: now + 7_200_000 },
    ]);
  });

  it('puts the pin of the CA into the token', async () => {
    const key = generateKey();
    const ca = createCa({ commonName: 'coracle', key, notBeforeMs: 0, notAfterMs: 86_400_000 });
    const { run, out } = aTerminal(toPem('CERTIFICATE', ca));
    await run('create');
    expect(`sha256:${parseJoinToken(out()).caPin}`).toBe(caHash(ca));
  });

  it.each(['x', '-1h', '1ns', ''])('refuses to make a token for %j', async (ttl) => {
    const { client, run } = aTerminal();
    await expect(run('create', `--ttl=${ttl}`)).rejects.toThrow('--ttl');
    expect(await listTokens(client)).toEqual([]);
  });

  it('lists tokens without their secrets', async () => {
    const { client, now, run, out } = aTerminal();
    const add = (id: string, ttlMs: number, description?: string) =>
      createToken(client, { now, token: `${id}.0123456789abcdef`, ttlMs, description });
    await add('aaaaaa', 3_600_000, 'the \u001b[2Jgarage');
    await add('bbbbbb', 0);
    await add('cccccc', -1000, 'old');
    await run('list');
    expect(out()).toBe(
      [
        'TOKEN-ID   EXPIRES                          DESCRIPTION',
        'aaaaaa     2026-01-01T01:00:00Z             the ?[2Jgarage',
        'bbbbbb     <never>                          <none>',
        'cccccc     2025-12-31T23:59:59Z (expired)   old',
        '',
      ].join('\n'),
    );
  });

  it('deletes by id, by token and by what was pasted', async () => {
    const { client, now, run, out } = aTerminal();
    const tokens = [];
    for (let i = 0; i < 3; i++) tokens.push(await createToken(client, { now }));
    const [a = '', b = '', c = ''] = tokens;
    await run('delete', a.slice(0, 6), b, `${c}@${'0'.repeat(64)}`);
    expect(await listTokens(client)).toEqual([]);
    expect(out()).toContain(`token "${b.slice(0, 6)}" deleted\n`);
    expect(out()).not.toContain(b.slice(7));
    await expect(run('delete', a)).rejects.toMatchObject({ code: 404 });
  });
});
