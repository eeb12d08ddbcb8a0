import { Command } from 'commander';
import { expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import { secrets } from '#proto/api/core/secrets.ts';
import { MemoryClient } from '#server/client/memory-client.ts';
import { identitySecret, readIdentity } from '#server/nodes/identity-secret.ts';
import { addNodeCommands } from './node.ts';

function aTerminal() {
  const client = new MemoryClient();
  let out = '';
  const run = (...args: string[]) => {
    const program = new Command('coracle');
    addNodeCommands(program, {
      out: (text) => {
        out += text;
      },
      hint: undefined,
      now: () => Date.UTC(2026, 1, 3),
      read: () => ({ server: 'https://127.0.0.1:6443' }),
      connect: () => client,
    });
    return program.parseAsync(['node', ...args, '--kubeconfig', '/k'], { from: 'user' });
  };
  return { client, run, out: () => out };
}
const pi = { name: 'pi', key: 'a'.repeat(64), hardware: 'b'.repeat(64), sinceMs: Date.UTC(2026, 0, 2) };

it('lists, revokes and allows', async () => {
  const { client, run, out } = aTerminal();
  await client.create(secrets, identitySecret(pi));
  await client.create(nodes, { metadata: { name: 'old' }, spec: {} });
  await run('revoke', 'pi', 'old');
  await run('revoke', 'pi');
  await run('list');
  expect(out()).toBe(
    [
      'node "pi" revoked',
      'node "old" revoked',
      'node "pi" revoked',
      'NAME   STATUS                         SINCE                  KEY            HARDWARE',
      'old    revoked 2026-02-03T00:00:00Z   2026-02-03T00:00:00Z   <none>         <unknown>',
      'pi     revoked 2026-02-03T00:00:00Z   2026-01-02T00:00:00Z   aaaaaaaaaaaa   bbbbbbbbbbbb',
      '',
    ].join('\n'),
  );
  const read = async (name: string) =>
    readIdentity(await client.get(secrets, { namespace: 'kube-system', name }));
  expect(await read('coracle-node-pi')).toEqual({ ...pi, revokedMs: Date.UTC(2026, 1, 3) });
  await run('allow', 'pi');
  await expect(read('coracle-node-pi')).rejects.toMatchObject({ code: 404 });
});

it('tells of names that nobody has', async () => {
  const { run } = aTerminal();
  await expect(run('revoke', 'nobody')).rejects.toMatchObject({ code: 404 });
  await expect(run('allow', 'nobody')).rejects.toMatchObject({ code: 404 });
});
