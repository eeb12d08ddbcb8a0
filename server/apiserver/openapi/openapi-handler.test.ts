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

  it('leaves the rest to others', async () => {
    expect(await get('/openapi/v3/apis/nope/v1')).toBeUndefined();
    expect(await get('/metrics')).toBeUndefined();
    expect(JSON.parse(text(await get('/openapi/v2')))).toMatchObject({ swagger: '2.0' });
  });
});
