import { describe, expect, it } from 'vitest';
import { requireAllowed } from './authorize.ts';

describe('requireAllowed', () => {
  const user = { name: 'me', groups: [] };
  const nobody = { authorize: () => ({ allowed: false, reason: 'no' }) };
  const pods = { kind: 'resource', user, verb: 'get', group: '', version: 'v1', resource: 'pods' } as const;

  it.each([
    [
      { ...pods, name: 'p', namespace: 'n', subresource: 'log' },
      'pods "p" is forbidden: User "me" cannot get resource "pods/log" in API group "" in the namespace "n": no',
    ],
    [
      pods,
      'pods is forbidden: User "me" cannot get resource "pods" in API group "" at the cluster scope: no',
    ],
    [
      { kind: 'path', user, verb: 'get', path: '/x' } as const,
      'forbidden: User "me" cannot get path "/x": no',
    ],
  ])('says what is not allowed: %j', async (asked, message) => {
    await expect(requireAllowed(nobody, asked, undefined)).rejects.toMatchObject({ code: 403, message });
    await requireAllowed({ authorize: () => ({ allowed: true }) }, asked, undefined);
  });
});
