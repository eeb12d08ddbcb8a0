import { expect, it } from 'vitest';
import type { ApiRequest, BytesAnswer } from '#server/apiserver/http/exchange.ts';
import { issuerDiscoveryHandler } from './issuer-discovery.ts';

const handler = issuerDiscoveryHandler({
  issuer: 'https://kubernetes.default.svc.cluster.local',
  address: 'https://10.0.0.2:6443',
  keys: { keys: [] },
});
const ask = async (path: string, method = 'GET') =>
  (await handler({ path, method } as ApiRequest)) as BytesAnswer | undefined;

it('tells who issues tokens, and with which keys', async () => {
  const answer = await ask('/.well-known/openid-configuration');
  expect(JSON.parse(Buffer.from(answer?.body ?? '').toString())).toMatchObject({
    issuer: 'https://kubernetes.default.svc.cluster.local',
    jwks_uri: 'https://10.0.0.2:6443/openid/v1/jwks',
  });
  expect(answer?.headers).toEqual({ 'cache-control': 'public, max-age=3600' });
  expect((await ask('/openid/v1/jwks'))?.contentType).toBe('application/jwk-set+json');
  expect(await ask('/openid/v1/jwks', 'POST')).toBeUndefined();
  expect(await ask('/openid')).toBeUndefined();
});
