import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { duplexPair } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, expect, it } from 'vitest';
import { silent } from '#proto/meta/log.ts';
import { badRequest } from '#proto/meta/status-error.ts';
import { NodeHttp } from './node-http.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function aNode() {
  const folder = mkdtempSync(join(tmpdir(), 'node-http-'));
  folders.push(folder);
  const logsDir = join(folder, 'log');
  mkdirSync(join(logsDir, 'pods'), { recursive: true });
  writeFileSync(join(logsDir, 'a&b.log'), 'line\n');
  writeFileSync(join(logsDir, 'empty'), '');
  writeFileSync(join(folder, 'secret'), 'secret');
  symlinkSync(join(folder, 'secret'), join(logsDir, 'link'));
  symlinkSync(join(logsDir, 'a&b.log'), join(logsDir, 'own-link'));
  const http = new NodeHttp({
    pods: () => [{ metadata: { name: 'p', namespace: 'ns', uid: 'u' }, spec: { containers: [] } }],
    openLog: async ({ uid, container, query }) => {
      if (container === 'none') throw badRequest('no such container');
      return (async function* () {
        yield Buffer.from(`${uid} ${container} ${query}`);
      })();
    },
    metrics: async (path) => (path === '/metrics/board' ? 'node_load1 0.5\n' : undefined),
    logsDir,
    log: silent,
  });
  return async (path: string, method = 'GET') => {
    const [near, far] = duplexPair();
    http.accept(far);
    const sent = request({ createConnection: () => near, path, method });
    sent.end();
    const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
      sent.on('response', resolve);
      sent.on('error', reject);
    });
    return { code: response.statusCode, location: response.headers.location, body: await text(response) };
  };
}

it.each<[string, number, string]>([
  ['/healthz', 200, 'ok'],
  ['/pods', 200, '{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[{"metadata":{"name":"p"'],
  ['/containerLogs/ns/p/c?tailLines=1', 200, 'u c tailLines=1'],
  ['/containerLogs/ns/p/none', 400, 'no such container'],
  ['/containerLogs/ns/other/c', 404, '404 page not found'],
  ['/logs/', 200, '<a href="a%26b.log">a&amp;b.log</a>\n<a href="empty">empty</a>'],
  ['/logs/a%26b.log', 200, 'line\n'],
  ['/logs/own-link', 200, 'line\n'],
  ['/logs/empty', 200, ''],
  ['/logs/link', 404, '404 page not found'],
  ['/logs/../secret', 404, '404 page not found'],
  ['/logs/%2e%2e%2fsecret', 404, '404 page not found'],
  ['/logs/none', 404, '404 page not found'],
  ['/logs/%ff', 400, 'URI malformed'],
  ['/nothing', 404, '404 page not found'],
])('%s answers %i', async (path, code, part) => {
  const answer = await aNode()(path);
  expect(answer.code).toBe(code);
  expect(answer.body).toContain(part);
});

it('leads to the folder that was meant, and takes no writes', async () => {
  const ask = aNode();
  expect(await ask('/logs')).toMatchObject({ code: 301, location: 'logs/' });
  expect(await ask('/logs/pods')).toMatchObject({ code: 301, location: 'pods/' });
  expect(await ask('/pods', 'POST')).toMatchObject({ code: 405 });
});

it('serves pages of metrics as Prometheus reads them', async () => {
  const get = aNode();
  expect(await get('/metrics/board')).toMatchObject({ code: 200, body: 'node_load1 0.5\n' });
  expect(await get('/metrics/none')).toMatchObject({ code: 404 });
});
