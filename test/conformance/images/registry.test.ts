import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MANIFEST, parseReference, RECIPES } from './catalog.plan.ts';
import { type Registry, startRegistry } from './registry.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const manifest = { digest: 'sha256:aa', content: bytes('{"schemaVersion":2}') };

describe('startRegistry', () => {
  let registry: Registry;
  beforeAll(async () => {
    registry = await startRegistry(
      {
        blobs: new Map([
          ['sha256:bb', { size: 5, content: bytes('layer') }],
          ['sha256:cc', { size: 5, content: '/does/not/exist' }],
        ]),
        manifests: new Map([
          ['e2e/busybox:1', manifest],
          ['e2e/busybox@sha256:aa', manifest],
        ]),
        registries: ['registry.k8s.io'],
      },
      '127.0.0.1',
    );
  });
  afterAll(() => registry.close());

  it.each([
    ['GET', '/v2/', 200, ''],
    ['GET', '/v2/e2e/busybox/manifests/1', 200, '{"schemaVersion":2}'],
    ['HEAD', '/v2/e2e/busybox/manifests/1', 200, ''],
    ['GET', '/v2/e2e/busybox/manifests/sha256:aa', 200, '{"schemaVersion":2}'],
    ['GET', '/v2/e2e/busybox/manifests/2', 404, '{"errors":[{"code":"MANIFEST_UNKNOWN"}]}'],
    ['GET', '/v2/e2e/busybox/blobs/sha256:bb', 200, 'layer'],
    ['GET', '/v2/e2e/busybox/blobs/sha256:dd', 404, '{"errors":[{"code":"BLOB_UNKNOWN"}]}'],
    ['GET', '/anything', 404, '{"errors":[{"code":"BLOB_UNKNOWN"}]}'],
    ['PUT', '/v2/e2e/busybox/manifests/1', 405, '{"errors":[{"code":"UNSUPPORTED"}]}'],
  ])('%s %s is %i', async (method, path, status, body) => {
    const answer = await fetch(`${registry.url}${path}`, { method });
    expect([answer.status, await answer.text()]).toEqual([status, body]);
  });

  it('says what a manifest is', async () => {
    const { headers } = await fetch(`${registry.url}/v2/e2e/busybox/manifests/1`, { method: 'HEAD' });
    expect(headers.get('content-type')).toBe(MANIFEST);
    expect(headers.get('docker-content-digest')).toBe('sha256:aa');
    expect(headers.get('content-length')).toBe('19');
  });

  it('breaks off where a layer is gone, and lives on', async () => {
    const answer = await fetch(`${registry.url}/v2/e2e/busybox/blobs/sha256:cc`).then(
      (got) => got.text(),
      String,
    );
    expect(answer).toMatch(/terminated|fetch failed/);
    expect((await fetch(`${registry.url}/v2/`)).status).toBe(200);
  });
});

describe('the catalog', () => {
  it('gives every image a full name, once', () => {
    const names = RECIPES.flatMap((recipe) => recipe.names);
    expect(new Set(names).size).toBe(names.length);
    expect(names.map((name) => parseReference(name).registry)).toEqual(names.map(() => 'registry.k8s.io'));
  });

  it.each(['busybox', 'busybox:1', 'registry.k8s.io/busybox'])('refuses %s', (name) => {
    expect(() => parseReference(name)).toThrow('not a full image name');
  });
});
