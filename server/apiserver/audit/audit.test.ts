import { request as httpRequest } from 'node:https';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { createAuditor } from '#server/apiserver/audit/auditor.ts';
import type { AuditPolicy } from '#server/apiserver/audit/policy.plan.ts';
import type { ApiServer, ApiServerDeps } from '#server/apiserver/server.ts';
import { startTestServer } from '#server/apiserver/testing/test-server.ts';

interface Event {
  readonly stage: string;
  readonly verb: string;
  readonly [field: string]: unknown;
}

let server: ApiServer | undefined;
afterEach(() => server?.close());

async function start(policy: AuditPolicy, over: Partial<ApiServerDeps> = {}) {
  const events: Event[] = [];
  const auditor = createAuditor({
    policy,
    clock: new FakeClock(),
    write: (line) => void events.push(JSON.parse(line) as Event),
  });
  const started = await startTestServer({ auditor, ...over });
  server = started.server;
  const send = (method: string, path: string, body?: object, headers: Record<string, string> = {}) =>
    new Promise<{ code: number; id: string }>((resolve, reject) => {
      const req = httpRequest(
        {
          host: '127.0.0.1',
          port: started.port,
          ca: started.ca,
          method,
          path,
          agent: false,
          headers: { authorization: 'Bearer admin', 'content-type': 'application/json', ...headers },
        },
        (res) => {
          res.resume();
          res.on('end', () =>
            resolve({ code: res.statusCode ?? 0, id: String(res.headers['audit-id'] ?? '') }),
          );
        },
      );
      req.on('error', reject);
      const text = body && JSON.stringify(body);
      if (text) req.setHeader('content-length', Buffer.byteLength(text));
      req.end(text);
    });
  return { events, send, dispatch: started.server.dispatch };
}

const MAPS = '/api/v1/namespaces/default/configmaps';
const map = { metadata: { name: 'x', managedFields: [] }, data: { a: 'b' } };

describe('the audit log', () => {
  it('says who did what to which object, with what outcome', async () => {
    const { events, send } = await start({ rules: [{ level: 'Metadata' }] });
    const { id } = await send('POST', MAPS, map, { 'user-agent': 'test/1' });
    expect(events.map(({ stage }) => stage)).toEqual(['RequestReceived', 'ResponseComplete']);
    expect(events[1]).toEqual({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      auditID: id,
      stage: 'ResponseComplete',
      requestURI: MAPS,
      verb: 'create',
      user: { username: 'admin', groups: ['system:masters', 'system:authenticated'] },
      sourceIPs: ['127.0.0.1'],
      userAgent: 'test/1',
      objectRef: { resource: 'configmaps', namespace: 'default', name: 'x', apiVersion: 'v1' },
      responseStatus: { metadata: {}, code: 201 },
      requestReceivedTimestamp: '2026-01-01T00:00:00.000000Z',
      stageTimestamp: '2026-01-01T00:00:00.000000Z',
      annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' },
    });
    await send('GET', `${MAPS}/y`);
    expect(events.at(-1)).toMatchObject({
      verb: 'get',
      responseStatus: {
        status: 'Failure',
        reason: 'NotFound',
        code: 404,
        message: 'configmaps "y" not found',
      },
    });
  });

  it('holds objects where the level says so, without managed fields where they are not wanted', async () => {
    const { events, send } = await start({
      omitStages: ['RequestReceived'],
      omitManagedFields: true,
      rules: [{ level: 'Request', verbs: ['create'] }, { level: 'RequestResponse' }],
    });
    await send('POST', MAPS, map);
    expect(events[0]?.['requestObject']).toEqual({
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: { name: 'x' },
      data: { a: 'b' },
    });
    expect(events[0]).not.toHaveProperty('responseObject');
    await send(
      'PATCH',
      `${MAPS}/x`,
      { data: { c: 'd' } },
      { 'content-type': 'application/merge-patch+json' },
    );
    expect(events[1]).toMatchObject({
      verb: 'patch',
      requestObject: { data: { c: 'd' } },
      responseObject: { kind: 'ConfigMap', data: { a: 'b', c: 'd' } },
    });
    await send('DELETE', `${MAPS}/x`, { propagationPolicy: 'Background' });
    expect(events[2]).toMatchObject({
      verb: 'delete',
      requestObject: { propagationPolicy: 'Background' },
      responseStatus: { status: 'Success', code: 200 },
    });
  });

  it('notes admission, impersonation, and what was tried without a good credential', async () => {
    const { events, send } = await start(
      { omitStages: ['RequestReceived'], rules: [{ level: 'Metadata' }] },
      {
        admission: [
          { name: 'x', validate: ({ annotate }) => annotate('pod-security.kubernetes.io/exempt', 'user') },
        ],
      },
    );
    await send('POST', MAPS, map, { 'impersonate-user': 'jane', 'audit-id': 'mine' });
    expect(events[0]).toMatchObject({
      auditID: 'mine',
      user: { username: 'admin' },
      impersonatedUser: { username: 'jane', groups: ['system:authenticated'] },
      annotations: { 'pod-security.kubernetes.io/exempt': 'user' },
    });
    await send('GET', MAPS, undefined, { authorization: 'Bearer nonsense' });
    expect(events[1]).toMatchObject({
      stage: 'ResponseStarted',
      user: {},
      responseStatus: { code: 401, message: 'Authentication failed, attempted: bearer' },
    });
    expect(events).toHaveLength(2);
  });

  it('tells when a watch starts and when it ends', async () => {
    const { events, send } = await start({ rules: [{ level: 'Metadata' }] });
    await send('GET', `${MAPS}?watch=true&timeoutSeconds=1`);
    expect(events.map(({ stage, verb }) => `${verb} ${stage}`)).toEqual([
      'watch RequestReceived',
      'watch ResponseStarted',
      'watch ResponseComplete',
    ]);
  });

  it('knows of boards, and not of what the policy leaves out', async () => {
    const { events, send, dispatch } = await start({
      omitStages: ['RequestReceived'],
      rules: [{ level: 'Metadata', userGroups: ['system:nodes'] }],
    });
    await send('GET', MAPS);
    const user = { name: 'system:node:pi', groups: ['system:nodes'] };
    await dispatch({ method: 'GET', path: `${MAPS}/x`, contentType: '', body: new Uint8Array(), user });
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ user: { username: 'system:node:pi' }, responseStatus: { code: 404 } });
  });
});
