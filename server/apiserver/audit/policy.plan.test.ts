import { describe, expect, it } from 'vitest';
import { requestInfoOf } from '#server/apiserver/http/request-info.ts';
import { type AuditPolicy, type AuditRule, decide } from './policy.plan.ts';

const jane = { name: 'jane', groups: ['dev', 'system:authenticated'] };
const info = (request: string) => {
  const [method = '', path = ''] = request.split(' ');
  return requestInfoOf(method, path, new URLSearchParams());
};
const POD = 'GET /api/v1/namespaces/shop/pods/web';
const LOG = 'GET /api/v1/namespaces/shop/pods/web/log';

describe('a rule matches', () => {
  it.each<[Partial<AuditRule>, string, boolean]>([
    [{}, POD, true],
    [{ users: ['jane'] }, POD, true],
    [{ users: ['joe'] }, POD, false],
    [{ userGroups: ['ops', 'dev'] }, POD, true],
    [{ userGroups: ['ops'] }, POD, false],
    [{ verbs: ['list'] }, POD, false],
    [{ verbs: ['get'] }, POD, true],
    [{ namespaces: ['shop'] }, POD, true],
    [{ namespaces: [''] }, 'GET /api/v1/nodes/pi', true],
    [{ namespaces: ['shop'] }, 'GET /metrics', false],
    [{ resources: [{ group: '' }] }, POD, true],
    [{ resources: [{ group: 'apps' }] }, POD, false],
    [{ resources: [{ group: '*', resources: ['pods'] }] }, POD, true],
    [{ resources: [{ group: '', resources: ['pods'] }] }, LOG, false],
    [{ resources: [{ group: '', resources: ['pods/log'] }] }, LOG, true],
    [{ resources: [{ group: '', resources: ['pods/*'] }] }, LOG, true],
    [{ resources: [{ group: '', resources: ['*/log'] }] }, LOG, true],
    [{ resources: [{ group: '', resources: ['*'] }] }, LOG, true],
    [{ resources: [{ group: '', resources: ['pods'], resourceNames: ['web'] }] }, POD, true],
    [{ resources: [{ group: '', resources: ['pods'], resourceNames: ['db'] }] }, POD, false],
    [{ nonResourceURLs: ['/metrics'] }, 'GET /metrics', true],
    [{ nonResourceURLs: ['/healthz*'] }, 'GET /healthz/ping', true],
    [{ nonResourceURLs: ['*'] }, POD, false],
  ])('%j: %s: %s', (rule, request, matched) => {
    const policy: AuditPolicy = { rules: [{ level: 'Metadata', ...rule }] };
    expect(decide(policy, info(request), jane).level).toBe(matched ? 'Metadata' : 'None');
  });
});

it('the first one that does decides, and adds to what is left out', () => {
  const policy: AuditPolicy = {
    omitStages: ['RequestReceived'],
    omitManagedFields: true,
    rules: [
      { level: 'None', users: ['joe'] },
      { level: 'Request', omitStages: ['ResponseStarted'], omitManagedFields: false, verbs: ['get'] },
      { level: 'RequestResponse' },
    ],
  };
  expect(decide(policy, info(POD), jane)).toEqual({
    level: 'Request',
    omitStages: ['RequestReceived', 'ResponseStarted'],
    omitManagedFields: false,
  });
  expect(decide(policy, info('DELETE /api/v1/nodes/pi'), jane)).toMatchObject({
    level: 'RequestResponse',
    omitManagedFields: true,
  });
  expect(decide(policy, info(POD), { name: 'joe', groups: [] }).level).toBe('None');
  expect(decide({ rules: [{ level: 'Metadata', users: ['joe'] }] }, info(POD), undefined).level).toBe('None');
});
