import { describe, expect, test } from 'vitest';
import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { WebhookCaller } from '#server/apiserver/customresources/conversion-webhook.ts';
import { acceptConverted } from '#server/apiserver/customresources/converted.plan.ts';
import { aDefinition, install, stored } from '#server/apiserver/customresources/testing.ts';
import type { Api } from '#server/apiserver/rest/api.ts';
import { createObject } from '#server/apiserver/rest/create.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { listEntries } from '#server/apiserver/rest/list.ts';
import { patchObject } from '#server/apiserver/rest/patch.ts';
import { openWatch } from '#server/apiserver/rest/watch.ts';
import { aCall, testApi } from '#server/apiserver/testing/test-api.ts';

interface Review {
  readonly request: {
    readonly uid: string;
    readonly desiredAPIVersion: string;
    readonly objects: readonly (KubeObject & { host?: string; hostname?: string })[];
  };
}

/** `host` of v1 is `hostname` of v2. */
function webhook(over: object = {}): WebhookCaller & { readonly calls: number[] } {
  const calls: number[] = [];
  return {
    calls,
    call: async ({ body }) => {
      const { uid, desiredAPIVersion, objects } = (body as Review).request;
      calls.push(objects.length);
      const convertedObjects = objects.map(({ host, hostname, ...object }) => ({
        ...object,
        apiVersion: desiredAPIVersion,
        [desiredAPIVersion.endsWith('v1') ? 'host' : 'hostname']: host ?? hostname,
      }));
      return {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'ConversionReview',
        response: { uid, result: { status: 'Success' }, convertedObjects, ...over },
      };
    },
  };
}

const DEFINITION = aDefinition(
  [
    { name: 'v1', storage: true, props: { properties: { host: { type: 'string' } } } },
    { name: 'v2', storage: false, props: { properties: { hostname: { type: 'string' } } } },
  ],
  {
    conversion: {
      strategy: 'Webhook',
      webhook: {
        clientConfig: { url: 'https://hook.example.com/convert' },
        conversionReviewVersions: ['v1'],
      },
    },
  },
);

const make = (api: Api, resource: Resource, name: string, fields: object): Promise<unknown> =>
  createObject(api, aCall(resource), { metadata: { name }, ...fields } as KubeObject);

const shown = async (api: Api, resource: Resource): Promise<unknown[]> =>
  (await listEntries(api, resource, 'default', {})).entries.map((entry) => {
    const { apiVersion, host, hostname } = objectOf(entry) as unknown as Record<string, unknown>;
    return { apiVersion, host, hostname };
  });

describe('a kind with a conversion webhook', () => {
  test('is stored in one version and shown in each, a list with one call', async () => {
    const hook = webhook();
    const api = testApi({}, hook);
    const [v1, v2] = (await install(api, DEFINITION)) as [Resource, Resource];
    await make(api, v1, 'a', { host: 'x' });
    expect(hook.calls).toEqual([]);
    await make(api, v2, 'b', { hostname: 'y' });
    expect(stored(api, 'widgets.example.com/default/b')).toMatchObject({
      apiVersion: 'example.com/v1',
      host: 'y',
    });
    hook.calls.length = 0;
    expect(await shown(api, v1)).toMatchObject([{ host: 'x' }, { host: 'y' }]);
    expect(hook.calls).toEqual([]);
    expect(await shown(api, v2)).toEqual([
      { apiVersion: 'example.com/v2', host: undefined, hostname: 'x' },
      { apiVersion: 'example.com/v2', host: undefined, hostname: 'y' },
    ]);
    expect(hook.calls).toEqual([2]);
  });

  test('is patched in the version of the request', async () => {
    const api = testApi({}, webhook());
    const [v1, v2] = (await install(api, DEFINITION)) as [Resource, Resource];
    await make(api, v1, 'a', { host: 'x' });
    const request = { type: 'merge', patch: { hostname: 'z' }, validation: 'Strict', force: false } as const;
    const { entry } = await patchObject(api, aCall(v2, 'a'), request);
    expect(objectOf(entry)).toMatchObject({ apiVersion: 'example.com/v2', hostname: 'z' });
    expect(stored(api, 'widgets.example.com/default/a')).toMatchObject({ host: 'z' });
  });

  test('is watched in order, what exists first', async () => {
    const api = testApi({}, webhook());
    const [v1, v2] = (await install(api, DEFINITION)) as [Resource, Resource];
    await make(api, v1, 'a', { host: 'x' });
    const seen: string[] = [];
    const three = new Promise<void>((resolve) => {
      openWatch(
        api,
        v2,
        'default',
        {},
        {
          event: (type, entry) => {
            const { metadata, hostname } = objectOf(entry) as KubeObject & { hostname?: string };
            seen.push(`${type} ${metadata.name} ${hostname}`);
            if (seen.length === 3) resolve();
          },
          bookmark: () => {},
          end: () => {},
        },
      );
    });
    await make(api, v1, 'b', { host: 'y' });
    await patchObject(api, aCall(v1, 'a'), {
      type: 'merge',
      patch: { host: 'z' },
      validation: 'Strict',
      force: false,
    });
    await three;
    expect(seen).toEqual(['ADDED a x', 'ADDED b y', 'MODIFIED a z']);
  });

  test.each<[string, object, string]>([
    ['a failure', { result: { status: 'Failed', message: 'no' } }, 'failed: no'],
    ['nothing', { result: {} }, "failed: response.result.status was '', not 'Success'"],
    ['another answer', { uid: 'other' }, 'failed: expected response.uid="uid", got "other"'],
    ['too few', { convertedObjects: [] }, 'returned 0 objects, expected 1'],
    [
      'the wrong version',
      { convertedObjects: [{ apiVersion: 'example.com/v1', kind: 'Widget', metadata: {} }] },
      'returned invalid converted object at index 0: invalid groupVersion (expected example.com/v2, received example.com/v1)',
    ],
  ])('answers %s as upstream does', async (_, over, message) => {
    const api = testApi({}, webhook(over));
    const [v1, v2] = (await install(api, DEFINITION)) as [Resource, Resource];
    await make(api, v1, 'a', { host: 'x' });
    await expect(listEntries(api, v2, 'default', {})).rejects.toMatchObject({
      code: 500,
      message: `conversion webhook for example.com/v1, Kind=Widget ${message}`,
    });
  });
});

describe('a converted object', () => {
  const original = {
    apiVersion: 'g/v1',
    kind: 'K',
    metadata: { name: 'a', uid: 'u', labels: { a: '1' }, finalizers: ['f/x'] },
  };
  const accept = (metadata: unknown) =>
    acceptConverted(original, { apiVersion: 'g/v2', kind: 'K', metadata }, 'g/v2');

  test('may have other labels and annotations, and nothing else of its metadata', () => {
    expect(accept({ name: 'a', uid: 'u', labels: { b: '2' }, finalizers: [], generation: 9 })).toEqual({
      object: {
        apiVersion: 'g/v2',
        kind: 'K',
        metadata: { name: 'a', uid: 'u', labels: { b: '2' }, finalizers: ['f/x'] },
      },
    });
  });

  test.each([
    [{ name: 'b', uid: 'u' }, 'must have the same name: a != b'],
    [{ name: 'a', uid: 'v' }, 'must have the same UID: u != v'],
    [{ name: 'a', uid: 'u', labels: { b: 2 } }, 'metadata.labels[b] must be a string in converted object'],
    [undefined, 'missing metadata in converted object'],
  ])('is refused with the metadata %j', (metadata, problem) => {
    expect(accept(metadata)).toEqual({ problem });
  });
});
