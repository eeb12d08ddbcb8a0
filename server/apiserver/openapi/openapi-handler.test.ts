import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { defineResource } from '#proto/api/define.ts';
import type { ApiRequest, BytesAnswer } from '#server/apiserver/http/exchange.ts';
import { createOpenApi } from '#server/apiserver/openapi/openapi.ts';
import { openApiHandler } from '#server/apiserver/openapi/openapi-handler.ts';

const leases = defineResource({
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
});
const openApi = createOpenApi({ resources: [leases], version: 'v1.36.0' });
const handle = openApiHandler(openApi);

async function get(url: string, headers: Record<string, string> = {}): Promise<BytesAnswer | undefined> {
  const { pathname, searchParams } = new URL(url, 'http://server');
  const request: ApiRequest = {
    method: 'GET',
    path: pathname,
    query: searchParams,
    header: (name) => headers[name],
    body: async () => new Uint8Array(),
    user: { name: 'me', groups: [] },
  };
  return (await handle(request)) as BytesAnswer | undefined;
}

const text = (answer: BytesAnswer | undefined): string => new TextDecoder().decode(answer?.body);
const PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
const KEY = 'apis/coordination.k8s.io/v1';
const url = openApi.index().paths[KEY]?.serverRelativeURL ?? '';

describe('openapi handler', () => {
  it('answers the index, and what it points to', async () => {
    expect(JSON.parse(text(await get('/openapi/v3')))).toEqual(openApi.index());
    const document = await get(url);
    expect(JSON.parse(text(document))).toMatchObject({ openapi: '3.0.0' });
    expect(document?.headers?.['cache-control']).toMatch(/immutable/);
  });

  it('sends compressed bytes as they are kept', async () => {
    const document = await get(url, { 'accept-encoding': 'gzip' });
    expect(document?.headers?.['content-encoding']).toBe('gzip');
    expect(gunzipSync(document?.body ?? '').toString()).toBe(text(await get(url)));
  });

  it('knows what a client has, and where an old hash leads', async () => {
    const etag = (await get(url))?.headers?.['etag'] ?? '';
    expect((await get(url, { 'if-none-match': etag }))?.code).toBe(304);
    expect(await get(`/openapi/v3/${KEY}?hash=OLD`)).toMatchObject({ code: 301, headers: { location: url } });
  });

  it.each([
    [undefined, 'application/json'],
    ['application/json', 'application/json'],
    ['application/com.github.proto-openapi.spec.v2@v1.0+protobuf', PROTOBUF],
    [PROTOBUF, PROTOBUF],
    ['text/html, */*;q=0.1', 'application/json'],
  ])('answers version 2 to %s as %s', async (accept, contentType) => {
    const answer = await get('/openapi/v2', accept ? { accept } : {});
    expect(answer).toMatchObject({ code: 200, contentType });
    const etag = answer?.headers?.['etag'] ?? '';
    expect((await get('/openapi/v2', { 'if-none-match': etag }))?.code).toBe(304);
  });

  it('has no other forms', async () => {
    expect((await get('/openapi/v2', { accept: 'text/html' }))?.code).toBe(406);
    expect((await get(url, { accept: PROTOBUF }))?.code).toBe(406);
  });

  it('leaves the rest to others', async () => {
    expect(await get('/openapi/v3/apis/nope/v1')).toBeUndefined();
    expect(await get('/metrics')).toBeUndefined();
  });
});
