import { describe, expect, test } from 'vitest';
import { configmaps } from '#proto/api/core/configmaps.ts';
import type { Api } from '#server/apiserver/rest/api.ts';
import { createObject } from '#server/apiserver/rest/create.ts';
import { deleteObject } from '#server/apiserver/rest/delete.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { patchObject } from '#server/apiserver/rest/patch.ts';
import { openWatch, type WatchQuery } from '#server/apiserver/rest/watch.ts';
import { aCall, aConfigMap, testApi } from '#server/apiserver/testing/test-api.ts';
import type { Entry } from '#server/store/store.ts';

function record(api: Api, query: WatchQuery) {
  const seen: string[] = [];
  const watch = openWatch(api, configmaps, 'default', query, {
    event: (type, entry) => void seen.push(`${type} ${objectOf(entry).metadata.name}`),
    bookmark: (_revision, initialEnd) => void seen.push(initialEnd ? 'INITIAL-END' : 'BOOKMARK'),
    end: () => void seen.push('END'),
  });
  return { seen, ...watch };
}

const label = (api: Api, name: string, value: string | null) =>
  patchObject(api, aCall(configmaps, name), {
    type: 'merge',
    patch: { metadata: { labels: { x: value } } },
    validation: 'Strict',
    force: false,
  });

describe('a watch', () => {
  test('without a revision begins with what is there', async () => {
    const api = testApi();
    await createObject(api, aCall(configmaps), aConfigMap('a'));
    const { seen } = record(api, {});
    await createObject(api, aCall(configmaps), aConfigMap('b'));
    expect(seen).toEqual(['ADDED a', 'ADDED b']);
  });

  test('from a revision gets all after it, from history too', async () => {
    const api = testApi();
    const a = await createObject(api, aCall(configmaps), aConfigMap('a'));
    await createObject(api, aCall(configmaps), aConfigMap('b'));
    const { seen } = record(api, { resourceVersion: String(a.revision) });
    await deleteObject(api, aCall(configmaps, 'a'), {});
    expect(seen).toEqual(['ADDED b', 'DELETED a']);
  });

  test('says where the initial events end', async () => {
    const api = testApi();
    await createObject(api, aCall(configmaps), aConfigMap('a'));
    const { seen } = record(api, {
      sendInitialEvents: true,
      allowWatchBookmarks: true,
      resourceVersionMatch: 'NotOlderThan',
    });
    expect(seen).toEqual(['ADDED a', 'INITIAL-END']);
  });

  test('turns what begins or ceases to match into ADDED and DELETED', async () => {
    const api = testApi();
    await createObject(api, aCall(configmaps), aConfigMap('a'));
    const { seen } = record(api, { labelSelector: 'x' });
    await label(api, 'a', '1');
    await label(api, 'a', '2');
    await label(api, 'a', null);
    await label(api, 'a', null);
    expect(seen).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
  });

  test('shows the last state that matched, with the revision of the change', async () => {
    const api = testApi();
    await createObject(api, aCall(configmaps), aConfigMap('a'));
    await label(api, 'a', '1');
    const deleted: Entry[] = [];
    openWatch(
      api,
      configmaps,
      'default',
      { labelSelector: 'x' },
      {
        event: (type, entry) => void (type === 'DELETED' && deleted.push(entry)),
        bookmark: () => {},
        end: () => {},
      },
    );
    const { entry } = await label(api, 'a', null);
    const [last] = deleted;
    expect(last && JSON.parse(new TextDecoder().decode(last.bytes)).metadata).toMatchObject({
      labels: { x: '1' },
      resourceVersion: String(entry.revision),
    });
  });

  test('of one name does not see others that begin with it', async () => {
    const api = testApi();
    const { seen } = record(api, { fieldSelector: 'metadata.name=web' });
    await createObject(api, aCall(configmaps), aConfigMap('web'));
    await createObject(api, aCall(configmaps), aConfigMap('web2'));
    expect(seen).toEqual(['ADDED web']);
  });

  test('from a compacted revision is 410', async () => {
    const api = testApi();
    await createObject(api, aCall(configmaps), aConfigMap('a'));
    const old = api.store.revision - 1;
    await createObject(api, aCall(configmaps), aConfigMap('b'));
    api.store.compact(api.store.revision);
    expect(() => record(api, { resourceVersion: String(Math.max(old, 1)) })).toThrowError(
      expect.objectContaining({ code: 410 }),
    );
  });

  test('stops', async () => {
    const api = testApi();
    const { seen, stop } = record(api, {});
    stop();
    await createObject(api, aCall(configmaps), aConfigMap('a'));
    expect(seen).toEqual([]);
  });
});
