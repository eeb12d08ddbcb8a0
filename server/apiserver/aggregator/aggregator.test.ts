import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { apiservices } from '#proto/api/apiregistration/apiservices.ts';
import { serviceUnavailable } from '#proto/meta/status-error.ts';
import { dialTcp } from '#proto/net/dial.ts';
import type { APIService } from '#proto/schema/generated/apiregistration-v1.ts';
import { createStoreReader } from '#server/apiserver/authn/object-reader.ts';
import type { AuthorizationRequest } from '#server/apiserver/authz/authorizer.ts';
import { openApiHandler } from '#server/apiserver/openapi/openapi-handler.ts';
import { selfSigned } from '#server/apiserver/testing/self-signed.ts';
import { startTestServer } from '#server/apiserver/testing/test-server.ts';
import { openPki } from '#server/pki/pki.ts';
import { createMemoryStore } from '#server/store/open.ts';
import { Aggregator } from './aggregator.ts';
import { ApiServices, remoteOf } from './api-services.ts';
import { RemoteDiscovery } from './remote-discovery.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const GROUP = 'wardle.example.com';
const NAME = `v1alpha1.${GROUP}`;
const FLUNDERS = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: `${GROUP}/v1alpha1`,
  resources: [
    { name: 'flunders', singularName: 'flunder', namespaced: true, kind: 'Flunder', verbs: ['get'] },
  ],
};

const aDocument = {
  index: () => ({ paths: { own: 1 as never } }),
  document: () => undefined,
  swagger: () => {
    throw new Error('there is none');
  },
};

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** What an aggregated server does, and what it was told. */
const wardle: Handler = async (request, response) => {
  response.setHeader('content-type', 'application/json');
  if (request.url === `/apis/${GROUP}/v1alpha1`) return void response.end(JSON.stringify(FLUNDERS));
  if (request.url === '/openapi/v3') {
    const paths = {
      [`apis/${GROUP}/v1alpha1`]: { serverRelativeURL: `/openapi/v3/apis/${GROUP}/v1alpha1?hash=A` },
    };
    return void response.end(JSON.stringify({ paths }));
  }
  const { method, url, headers } = request;
  response.statusCode = 201;
  response.end(JSON.stringify({ method, url, headers, body: await text(request) }));
};

async function cluster(handler: Handler = wardle) {
  const folder = mkdtempSync(join(tmpdir(), 'aggregator-'));
  closers.push(() => rmSync(folder, { recursive: true }));
  const pki = openPki(folder, {
    clusterDomain: 'cluster.local',
    serviceIp: '10.43.0.1',
    advertiseAddress: '127.0.0.1',
    tlsSans: [],
    nodeName: 'here',
    now: Date.now,
  });
  const { cert, key, ca } = selfSigned(['api.wardle.svc']);
  const remote = createServer({ cert, key, ca: pki.frontProxy.caCert, requestCert: true }, handler);
  remote.listen(0, '127.0.0.1');
  await once(remote, 'listening');
  closers.push(
    () => remote.close(),
    () => remote.closeAllConnections(),
  );
  const store = createMemoryStore();
  const asked: AuthorizationRequest[] = [];
  const authorizer = {
    authorize: (request: AuthorizationRequest) => {
      asked.push(request);
      return { allowed: request.user.groups.includes('system:masters') };
    },
  };
  const services = new ApiServices(createStoreReader(store));
  const state = { hasEndpoints: true };
  const aggregator = new Aggregator({
    services,
    authorizer,
    client: () => pki.frontProxy.client,
    connector: {
      toService: (namespace, name, port) => {
        if (!state.hasEndpoints || `${namespace}/${name}:${port}` !== 'wardle/api:443')
          return Promise.reject(serviceUnavailable(`no endpoints available for service "${name}"`));
        return dialTcp('127.0.0.1', (remote.address() as AddressInfo).port);
      },
    },
  });
  const discovery = new RemoteDiscovery(services, aggregator);
  const {
    server,
    port,
    ca: trust,
  } = await startTestServer({
    store,
    authorizer,
    aggregation: { aggregator, discovery },
    extras: [openApiHandler(aDocument, discovery)],
  });
  closers.push(() => server.close());
  const client = server.client({ name: 'test', groups: ['system:masters'] });
  const made = await client.create(apiservices, {
    metadata: { name: NAME },
    spec: {
      group: GROUP,
      version: 'v1alpha1',
      groupPriorityMinimum: 2000,
      versionPriority: 200,
      caBundle: Buffer.from(ca).toString('base64'),
      service: { namespace: 'wardle', name: 'api', port: 443 },
    },
  });
  const setAvailable = async (status: 'True' | 'False'): Promise<void> => {
    const current = await client.get(apiservices, { name: NAME });
    const conditions = [{ type: 'Available', status }];
    await client.update(apiservices, { ...current, status: { conditions } }, { subresource: 'status' });
  };
  const call = async (path: string, options: { method?: string; headers?: object; body?: string } = {}) => {
    const { method = 'GET', headers = {}, body } = options;
    const request = httpsRequest({
      ...{ host: '127.0.0.1', port, path, method, ca: trust, agent: false },
      headers: { authorization: 'Bearer admin', ...headers },
    });
    request.end(body);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return { code: response.statusCode, headers: response.headers, body: await text(response) };
  };
  const check = () => discovery.check(remoteOf(made as APIService) as never);
  return { call, check, client, discovery, setAvailable, state, asked, port, trust };
}

const FLUNDER = `/apis/${GROUP}/v1alpha1/namespaces/n/flunders/f`;

describe('Aggregator', () => {
  it('sends requests on, as the user who asks', async () => {
    const { call, setAvailable, asked } = await cluster();
    await setAvailable('True');
    asked.length = 0;
    const answer = await call(`${FLUNDER}?fieldManager=me`, {
      method: 'PATCH',
      body: '{}',
      headers: { 'x-remote-user': 'root', 'content-type': 'application/merge-patch+json' },
    });
    expect(answer.code).toBe(201);
    expect(JSON.parse(answer.body)).toMatchObject({
      method: 'PATCH',
      url: `${FLUNDER}?fieldManager=me`,
      body: '{}',
      headers: {
        host: 'api.wardle.svc:443',
        'x-remote-user': 'admin',
        'x-remote-group': 'system:masters, system:authenticated',
        'content-type': 'application/merge-patch+json',
      },
    });
    expect(JSON.parse(answer.body).headers).not.toHaveProperty('authorization');
    expect(asked).toMatchObject([
      { verb: 'patch', group: GROUP, resource: 'flunders', namespace: 'n', name: 'f', version: 'v1alpha1' },
    ]);
  });

  it('shows its certificate, and wants to see one', async () => {
    const { call, setAvailable } = await cluster((request, response) => {
      const socket = request.socket as import('node:tls').TLSSocket;
      response.end(`${socket.authorized} ${socket.getPeerCertificate().subject.CN}`);
    });
    await setAvailable('True');
    expect((await call(FLUNDER)).body).toBe('true front-proxy-client');
    const { call: other, client, setAvailable: set } = await cluster();
    await set('True');
    const current = await client.get(apiservices, { name: NAME });
    const caBundle = Buffer.from(selfSigned().ca).toString('base64');
    await client.update(apiservices, { ...current, spec: { ...current.spec, caBundle } });
    expect((await other(FLUNDER)).code).toBe(503);
  });

  it('answers 503 while the server is not available, and 404 when it is no more', async () => {
    const { call, client, setAvailable, state } = await cluster();
    const unavailable = { code: 503, body: 'service unavailable\n' };
    expect(await call(FLUNDER)).toMatchObject(unavailable);
    await setAvailable('True');
    state.hasEndpoints = false;
    expect(await call(FLUNDER)).toMatchObject(unavailable);
    await client.delete(apiservices, { name: NAME });
    expect(await call(FLUNDER)).toMatchObject({ code: 404 });
  });

  it('streams what comes late, and ends with the client', async () => {
    const ended = Promise.withResolvers<void>();
    const { port, trust, setAvailable } = await cluster((_request, response) => {
      response.write('{"type":"ADDED"}\n');
      response.on('close', () => ended.resolve());
    });
    await setAvailable('True');
    const request = httpsRequest({
      ...{ host: '127.0.0.1', port, ca: trust, agent: false },
      path: `/apis/${GROUP}/v1alpha1/flunders?watch=true`,
      headers: { authorization: 'Bearer admin' },
    });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(String((await once(response, 'data'))[0])).toBe('{"type":"ADDED"}\n');
    request.destroy();
    await ended.promise;
  });

  it('lets nobody write a second request behind an upgrade that was refused', async () => {
    let requests = 0;
    const { port, trust, setAvailable } = await cluster((_request, response) => {
      requests++;
      response.writeHead(403, { 'content-length': 2 }).end('no');
    });
    await setAvailable('True');
    const socket = connectTls({ host: '127.0.0.1', port, ca: trust });
    closers.push(() => socket.destroy());
    const head = (path: string, more = '') =>
      `GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer admin\r\n${more}\r\n`;
    socket.write(head(FLUNDER, 'connection: Upgrade\r\nupgrade: x\r\n') + head('/apis/other'));
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n.*connection: close\r\n\r\nno$/s);
    expect(requests).toBe(1);
  });
});

describe('discovery of the whole', () => {
  const aggregated = { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' };

  it('has what other servers have, by priority', async () => {
    const { call, check, setAvailable } = await cluster();
    const groupIn = async () => {
      const list = JSON.parse((await call('/apis', { headers: aggregated })).body) as {
        items: { metadata: { name: string }; versions: { freshness: string; resources: unknown[] }[] }[];
      };
      const names = list.items.map(({ metadata }) => metadata.name);
      // Between what is built in and what is lower.
      expect(names.indexOf(GROUP)).toBeGreaterThan(names.indexOf('flowcontrol.apiserver.k8s.io'));
      return list.items.find(({ metadata }) => metadata.name === GROUP);
    };
    expect(await groupIn()).toMatchObject({ versions: [{ freshness: 'Stale', resources: [] }] });
    await check();
    await setAvailable('True');
    expect(await groupIn()).toMatchObject({
      versions: [{ version: 'v1alpha1', freshness: 'Current', resources: [{ resource: 'flunders' }] }],
    });
    await setAvailable('False');
    expect(await groupIn()).toMatchObject({ versions: [{ freshness: 'Stale', resources: [{}] }] });
    const plain = JSON.parse((await call('/apis')).body) as { groups: { name: string }[] };
    expect(plain.groups.map(({ name }) => name)).toContain(GROUP);
    const version = { groupVersion: `${GROUP}/v1alpha1`, version: 'v1alpha1' };
    expect(JSON.parse((await call(`/apis/${GROUP}`)).body)).toMatchObject({
      kind: 'APIGroup',
      versions: [version],
      preferredVersion: version,
    });
  });

  it('sends the list of one version on', async () => {
    const { call, setAvailable } = await cluster();
    await setAvailable('True');
    expect(JSON.parse((await call(`/apis/${GROUP}/v1alpha1`)).body)).toEqual(FLUNDERS);
  });

  it.each<[string, Handler, RegExp]>([
    ['an error', (_q, response) => void response.writeHead(500).end(), /bad status from .*: 500$/],
    [
      'no answer',
      (request) => void request.socket.destroy(),
      /failing or missing response from .*socket hang up/,
    ],
  ])('hears why a server does not tell: %s', async (_what, handler, reason) => {
    const { check } = await cluster(handler);
    await expect(check()).rejects.toThrow(reason);
  });

  it('leads to the OpenAPI documents of others', async () => {
    const { call, check, setAvailable, discovery, client } = await cluster();
    const key = `apis/${GROUP}/v1alpha1`;
    const url = `/openapi/v3/${key}?hash=A`;
    const index = async () => JSON.parse((await call('/openapi/v3')).body) as { paths: object };
    await check();
    await setAvailable('True');
    expect(discovery.openApiPaths).toEqual({ [key]: url });
    expect((await index()).paths).toEqual({ own: 1, [key]: { serverRelativeURL: url } });
    expect(JSON.parse((await call(url)).body)).toMatchObject({ url });
    await client.delete(apiservices, { name: NAME });
    expect((await index()).paths).toEqual({ own: 1 });
  });
});
