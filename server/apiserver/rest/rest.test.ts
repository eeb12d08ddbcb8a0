import { describe, expect, test } from 'vitest';
import { customresourcedefinitions } from '#proto/api/apiextensions/customresourcedefinitions.ts';
import { deployments } from '#proto/api/apps/deployments.ts';
import { configmaps } from '#proto/api/core/configmaps.ts';
import { events } from '#proto/api/core/events.ts';
import { namespaces } from '#proto/api/core/namespaces.ts';
import { pods } from '#proto/api/core/pods.ts';
import { events as newEvents } from '#proto/api/events/events.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { StatusError } from '#proto/meta/status-error.ts';
import { createObject } from '#server/apiserver/rest/create.ts';
import { deleteObject } from '#server/apiserver/rest/delete.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { listEntries } from '#server/apiserver/rest/list.ts';
import { patchObject } from '#server/apiserver/rest/patch.ts';
import { replaceObject } from '#server/apiserver/rest/update.ts';
import { aCall, aConfigMap, aPod, testApi } from '#server/apiserver/testing/test-api.ts';
import type { Strategy } from '#server/registry/strategy.ts';

const failure = async (run: Promise<unknown>): Promise<StatusError> =>
  run.then(
    () => {
      throw new Error('expected a failure');
    },
    (err: StatusError) => err,
  );

const GRACEFUL: Record<string, Strategy> = { pods: { defaultGraceSeconds: () => 30 } };

describe('create', () => {
  test('stamps what a client may not choose', async () => {
    const api = testApi();
    const body = aConfigMap('a', { k: 'v' });
    Object.assign(body.metadata, { uid: 'mine', creationTimestamp: '1999-01-01T00:00:00Z', generation: 9 });
    const entry = await createObject(api, aCall(configmaps), body);
    expect(objectOf(entry)).toEqual({
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: {
        name: 'a',
        namespace: 'default',
        uid: 'uid-1',
        creationTimestamp: '2026-01-01T00:00:00Z',
        resourceVersion: String(entry.revision),
        managedFields: [
          {
            manager: 'test',
            operation: 'Update',
            apiVersion: 'v1',
            time: '2026-01-01T00:00:00Z',
            fieldsType: 'FieldsV1',
            fieldsV1: { 'f:data': { '.': {}, 'f:k': {} } },
          },
        ],
      },
      data: { k: 'v' },
    });
  });

  test('a definition keeps the finalizer of its clean-up, which has no slash', async () => {
    const api = testApi();
    const made = await createObject(api, aCall(customresourcedefinitions), {
      metadata: { name: 'boats.example.com', finalizers: ['customresourcecleanup.apiextensions.k8s.io'] },
    });
    expect(objectOf(made).metadata.finalizers?.length).toBe(1);
  });

  test('a generated name is tried again when it is taken', async () => {
    const api = testApi();
    const numbers = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5];
    const next = { ...api, random: () => numbers.shift() ?? 0.9 };
    const body = (): KubeObject => ({ metadata: { generateName: 'web-' } });
    await createObject(next, aCall(configmaps), body());
    const second = await createObject(next, aCall(configmaps), body());
    expect(objectOf(second).metadata.name).toMatch(/^web-[a-z0-9]{5}$/);
    expect(objectOf(second).metadata.name).not.toBe('web-bbbbb');
  });

  test.each([
    ['twice', { name: 'a' }, 409, 'configmaps "a" already exists'],
    ['with a revision', { name: 'b', resourceVersion: '1' }, 400, 'resourceVersion should not be set'],
    ['in another namespace', { name: 'b', namespace: 'other' }, 400, 'does not match the namespace'],
    ['without a name', {}, 422, 'name or generateName is required'],
    ['with a bad name', { name: 'A_b' }, 422, 'RFC 1123 subdomain'],
  ])('%s is refused', async (_what, metadata, code, words) => {
    const api = testApi();
    await createObject(api, aCall(configmaps), aConfigMap('a'));
    const err = await failure(createObject(api, aCall(configmaps), { metadata }));
    expect(err.code).toBe(code);
    expect(err.message).toContain(words);
  });

  test('a dry run stores nothing', async () => {
    const api = testApi();
    const entry = await createObject(api, aCall(configmaps, '', { dryRun: true }), aConfigMap('a'));
    expect(objectOf(entry).metadata.uid).toBe('uid-1');
    expect((await listEntries(api, configmaps, 'default', {})).entries).toEqual([]);
  });
});

describe('update', () => {
  test('a stale revision is a conflict, no revision is not', async () => {
    const api = testApi();
    const first = await createObject(api, aCall(configmaps), aConfigMap('a'));
    await replaceObject(api, aCall(configmaps, 'a'), aConfigMap('a', { x: '1' }));
    const stale = aConfigMap('a', { x: '2' });
    stale.metadata.resourceVersion = String(first.revision);
    const err = await failure(replaceObject(api, aCall(configmaps, 'a'), stale));
    expect(err.code).toBe(409);
    expect(err.message).toContain('the object has been modified');
  });

  test('what changes nothing is not written', async () => {
    const api = testApi();
    const made = await createObject(api, aCall(configmaps), aConfigMap('a', { x: '1' }));
    const { entry } = await replaceObject(api, aCall(configmaps, 'a'), aConfigMap('a', { x: '1' }));
    expect(entry.revision).toBe(made.revision);
  });

  test('spec counts generations, status does not, and each leaves the other alone', async () => {
    const api = testApi();
    const spec = { replicas: 1, selector: {}, template: {} };
    await createObject(api, aCall(deployments), { metadata: { name: 'd' }, spec } as KubeObject);
    const both = {
      metadata: { name: 'd' },
      spec: { ...spec, replicas: 2 },
      status: { replicas: 7 },
    } as KubeObject;
    const main = objectOf((await replaceObject(api, aCall(deployments, 'd'), structuredClone(both))).entry);
    expect(main).toMatchObject({ metadata: { generation: 2 }, spec: { replicas: 2 } });
    expect(main).not.toHaveProperty('status');
    both.metadata.labels = { seen: 'yes' };
    Object.assign(both, { spec: { ...spec, replicas: 9 } });
    const call = aCall(deployments, 'd', { subresource: 'status' });
    const status = objectOf((await replaceObject(api, call, both)).entry);
    expect(status).toMatchObject({
      metadata: { generation: 2, labels: { seen: 'yes' } },
      spec: { replicas: 2 },
      status: { replicas: 7 },
    });
  });

  test.each([
    ['removes everything', { op: 'remove', path: '' }],
    ['leaves a list', { op: 'replace', path: '', value: [] }],
    ['leaves null', { op: 'add', path: '', value: null }],
  ])('a JSON patch that %s is refused', async (_, operation) => {
    const api = testApi();
    await createObject(api, aCall(configmaps), aConfigMap('a'));
    const request = { type: 'json', patch: [operation], validation: 'Warn', force: false } as const;
    expect((await failure(patchObject(api, aCall(configmaps, 'a'), request))).code).toBe(422);
  });

  test('many patches at once all arrive', async () => {
    const api = testApi();
    await createObject(api, aCall(configmaps), aConfigMap('a'));
    const patches = ['a', 'b', 'c', 'd'].map((key) =>
      patchObject(api, aCall(configmaps, 'a'), {
        type: 'merge',
        patch: { data: { [key]: '1' } },
        validation: 'Strict',
        force: false,
      }),
    );
    await Promise.all(patches);
    const [entry] = (await listEntries(api, configmaps, 'default', {})).entries;
    expect(entry && objectOf(entry)).toMatchObject({ data: { a: '1', b: '1', c: '1', d: '1' } });
  });
});

describe('delete', () => {
  test('a Pod on a node waits for its grace, a second delete may shorten it', async () => {
    const api = testApi(GRACEFUL);
    await createObject(api, aCall(pods), aPod('p', { spec: { nodeName: 'pi' } }));
    const first = await deleteObject(api, aCall(pods, 'p'), {});
    expect(first.gone).toBe(false);
    expect(objectOf(first.entry).metadata).toMatchObject({
      deletionTimestamp: '2026-01-01T00:00:30Z',
      deletionGracePeriodSeconds: 30,
    });
    const longer = await deleteObject(api, aCall(pods, 'p'), { gracePeriodSeconds: 60 });
    expect(longer.entry.revision).toBe(first.entry.revision);
    const forced = await deleteObject(api, aCall(pods, 'p'), { gracePeriodSeconds: 0 });
    expect(forced.gone).toBe(true);
  });

  test('a Pod that nobody runs goes at once', async () => {
    const api = testApi(GRACEFUL);
    await createObject(api, aCall(pods), aPod('p'));
    expect((await deleteObject(api, aCall(pods, 'p'), {})).gone).toBe(true);
  });

  test('finalizers hold, and removing the last one lets go', async () => {
    const api = testApi();
    const body = aConfigMap('a');
    body.metadata.finalizers = ['example.com/hold'];
    await createObject(api, aCall(configmaps), body);
    expect((await deleteObject(api, aCall(configmaps, 'a'), {})).gone).toBe(false);
    await replaceObject(api, aCall(configmaps, 'a'), aConfigMap('a'));
    expect((await failure(deleteObject(api, aCall(configmaps, 'a'), {}))).code).toBe(404);
  });

  test.each([
    ['Foreground', 'foregroundDeletion'],
    ['Orphan', 'orphan'],
  ])('%s leaves its finalizer to the garbage collector', async (propagationPolicy, finalizer) => {
    const api = testApi();
    await createObject(api, aCall(configmaps), aConfigMap('a'));
    const { entry, gone } = await deleteObject(api, aCall(configmaps, 'a'), { propagationPolicy });
    expect(gone).toBe(false);
    expect(objectOf(entry).metadata.finalizers).toEqual([finalizer]);
  });

  test('a namespace ends when its own finalizer is removed', async () => {
    const api = testApi();
    const spec = { finalizers: ['kubernetes'] };
    await createObject(api, aCall(namespaces), { metadata: { name: 'n' }, spec } as KubeObject);
    const { entry, gone } = await deleteObject(api, aCall(namespaces, 'n'), {});
    expect(gone).toBe(false);
    expect(objectOf(entry)).toMatchObject({ status: { phase: 'Terminating' } });
    const call = aCall(namespaces, 'n', { subresource: 'finalize' });
    await replaceObject(api, call, { metadata: { name: 'n' }, spec: {} } as KubeObject);
    expect((await listEntries(api, namespaces, undefined, {})).entries).toEqual([]);
  });

  test('preconditions', async () => {
    const api = testApi();
    await createObject(api, aCall(configmaps), aConfigMap('a'));
    const err = await failure(deleteObject(api, aCall(configmaps, 'a'), { preconditions: { uid: 'other' } }));
    expect(err.code).toBe(409);
  });
});

describe('list', () => {
  test('pages are true for the revision of the first', async () => {
    const api = testApi();
    for (const name of ['a', 'b', 'c', 'd', 'e'])
      await createObject(api, aCall(configmaps), aConfigMap(name));
    const first = await listEntries(api, configmaps, 'default', { limit: 2 });
    expect(first.remainingItemCount).toBe(3);
    await deleteObject(api, aCall(configmaps, 'c'), {});
    const second = await listEntries(api, configmaps, 'default', { limit: 9, continue: first.continue });
    expect(second.revision).toBe(first.revision);
    expect(second.entries.map((e) => objectOf(e).metadata.name)).toEqual(['c', 'd', 'e']);
    expect(second.continue).toBeUndefined();
  });

  test('a token of a compacted revision is 410 with one that goes on now', async () => {
    const api = testApi();
    for (const name of ['a', 'b', 'c']) await createObject(api, aCall(configmaps), aConfigMap(name));
    const first = await listEntries(api, configmaps, 'default', { limit: 1 });
    await deleteObject(api, aCall(configmaps, 'b'), {});
    api.store.compact(api.store.revision);
    let status: ReturnType<StatusError['toStatus']> | undefined;
    try {
      await listEntries(api, configmaps, 'default', { limit: 1, continue: first.continue });
    } catch (err) {
      status = (err as StatusError).toStatus();
    }
    expect(status).toMatchObject({ code: 410, reason: 'Expired' });
    const rest = await listEntries(api, configmaps, 'default', { continue: status?.metadata.continue });
    expect(rest.entries.map((e) => objectOf(e).metadata.name)).toEqual(['c']);
  });

  test('selectors, with a limit across many objects', async () => {
    const api = testApi();
    for (let i = 0; i < 20; i++) {
      await createObject(api, aCall(pods), aPod(`p${i}`, { spec: { nodeName: i % 5 ? 'x' : 'pi' } }));
    }
    const page = await listEntries(api, pods, undefined, { fieldSelector: 'spec.nodeName=pi', limit: 3 });
    expect(page.entries.length).toBe(3);
    expect(page.remainingItemCount).toBeUndefined();
    const rest = await listEntries(api, pods, undefined, {
      fieldSelector: 'spec.nodeName=pi',
      continue: page.continue,
    });
    expect(rest.entries.length).toBe(1);
  });

  test.each([
    [{ resourceVersionMatch: 'Exact' }, 422],
    [{ resourceVersion: 'x' }, 400],
    [{ resourceVersion: '99999' }, 504],
    [{ fieldSelector: 'spec.nope=1' }, 400],
    [{ labelSelector: '!!' }, 400],
    [{ continue: 'rubbish' }, 400],
  ])('%o is refused', (query, code) => {
    const api = testApi();
    expect(() => listEntries(api, pods, undefined, query)).toThrowError(expect.objectContaining({ code }));
  });
});

test('an event is one object under two names', async () => {
  const api = testApi();
  const body = {
    metadata: { name: 'e' },
    involvedObject: { kind: 'Pod', name: 'p' },
    message: 'hi',
    reportingComponent: 'c',
    reportingInstance: 'i',
  } as KubeObject;
  await createObject(api, aCall(events), body);
  const [entry] = (await listEntries(api, newEvents, 'default', { fieldSelector: 'regarding.name=p' }))
    .entries;
  expect(entry && objectOf(entry)).toMatchObject({
    apiVersion: 'events.k8s.io/v1',
    regarding: { name: 'p' },
    note: 'hi',
    reportingController: 'c',
  });
});
