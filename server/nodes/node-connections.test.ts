import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import type { Credentials, UserInfo } from '#server/apiserver/authn/authenticator.ts';
import { NodeConnections } from './node-connections.ts';

class Wire extends EventEmitter {
  destroyed = false;
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

it('cuts what a node and its Pods have open, and nothing else', async () => {
  const connections = new NodeConnections();
  const use = async (user: UserInfo | undefined): Promise<Wire> => {
    const wire = new Wire();
    const authenticator = connections.noting({ authenticate: async () => user });
    const credentials: Credentials = { authorization: undefined, socket: wire as never };
    expect(await authenticator.authenticate(credentials)).toBe(user);
    await authenticator.authenticate(credentials);
    expect(wire.listenerCount('close')).toBeLessThan(2);
    return wire;
  };
  const extra = { 'authentication.kubernetes.io/node-name': ['pi'] };
  const mine = [
    await use({ name: 'system:node:pi', groups: [] }),
    await use({ name: 'system:serviceaccount:a:b', groups: [], extra }),
  ];
  const others = [
    await use({ name: 'system:node:pi2', groups: [] }),
    await use({ name: 'admin', groups: [] }),
    await use(undefined),
  ];
  connections.cut('pi');
  expect(mine.map(({ destroyed }) => destroyed)).toEqual([true, true]);
  expect(others.map(({ destroyed }) => destroyed)).toEqual([false, false, false]);
  connections.cut('pi');
});
