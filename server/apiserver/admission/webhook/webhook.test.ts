import { describe, expect, it } from 'vitest';
import { mutatingwebhookconfigurations } from '#proto/api/admissionregistration/mutatingwebhookconfigurations.ts';
import { validatingwebhookconfigurations } from '#proto/api/admissionregistration/validatingwebhookconfigurations.ts';
import { configmaps } from '#proto/api/core/configmaps.ts';
import { namespaces } from '#proto/api/core/namespaces.ts';
import { pods } from '#proto/api/core/pods.ts';
import { events } from '#proto/api/events/events.ts';
import { silent } from '#proto/meta/log.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { ValidatingWebhook } from '#proto/schema/generated/admissionregistration-v1.ts';
import type { AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { aWrite } from '#server/apiserver/admission/fixtures.ts';
import { createStoreReader } from '#server/apiserver/authn/object-reader.ts';
import type { Api } from '#server/apiserver/rest/api.ts';
import { admitConnect } from '#server/apiserver/rest/connect.ts';
import { createObject } from '#server/apiserver/rest/create.ts';
import { deleteCollection, deleteObject } from '#server/apiserver/rest/delete.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { replaceObject } from '#server/apiserver/rest/update.ts';
import { aCall, aConfigMap, aPod, testApi } from '#server/apiserver/testing/test-api.ts';
import { WebhookError } from '#server/apiserver/webhooks/webhook-client.ts';
import { strategies } from '#server/registry/index.ts';
import { callHook } from './call-hook.ts';
import { MutatingAdmissionWebhook } from './mutating.ts';
import { ValidatingAdmissionWebhook } from './validating.ts';

interface Asked {
  readonly hook: string;
  readonly request: {
    readonly uid: string;
    readonly object: (KubeObject & { data?: Record<string, string> }) | null;
    readonly oldObject: KubeObject | null;
    readonly [key: string]: unknown;
  };
}

type Response = Record<string, unknown> | Error;

const patch = (...operations: object[]): Response => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});

const setKey = (key: string, value: string): Response => patch({ op: 'add', path: `/data/${key}`, value });

/** Webhooks by name, and what each of them answers. */
async function cluster(
  hooks: {
    mutating?: readonly object[];
    validating?: readonly object[];
    more?: Readonly<Record<string, readonly object[]>>;
  },
  answers: Readonly<Record<string, (asked: Asked) => Response>> = {},
) {
  const api = testApi();
  const asked: Asked[] = [];
  const notes: Record<string, string> = {};
  const warnings: string[] = [];
  const deps = {
    reader: createStoreReader(api.store),
    client: {
      call: async ({ config, body }: { config: { url?: string | undefined }; body: object }) => {
        const hook = (config.url ?? '').replace('https://hooks/', '');
        const one = { hook, request: (body as { request: Asked['request'] }).request };
        asked.push(structuredClone(one));
        const response = answers[hook]?.(one) ?? { allowed: true };
        if (response instanceof Error) throw response;
        const { kind, apiVersion } = body as KubeObject;
        return { kind, apiVersion, response: { uid: one.request.uid, ...response } };
      },
    },
    newUid: () => 'the-uid',
    matchesConditions: async () => true,
    log: silent,
  };
  const admission: AdmissionPlugin[] = [
    new MutatingAdmissionWebhook(deps),
    new ValidatingAdmissionWebhook(deps),
  ];
  const whole: Api = {
    ...api,
    admission,
    strategyOf: ({ group, plural }) => strategies.get(`${group}/${plural}`) ?? {},
  };
  await createObject(whole, aCall(namespaces), {
    metadata: { name: 'default', labels: { team: 'a' } },
  } as KubeObject);
  const configure = (resource: typeof mutatingwebhookconfigurations, name: string, list: readonly object[]) =>
    createObject(whole, aCall(resource), {
      metadata: { name },
      webhooks: list.map((hook) => ({ ...aHook(), ...hook })),
    } as unknown as KubeObject);
  if (hooks.mutating) await configure(mutatingwebhookconfigurations, 'm', hooks.mutating);
  for (const [name, list] of Object.entries(hooks.more ?? {}))
    await configure(mutatingwebhookconfigurations, name, list);
  if (hooks.validating)
    await configure(
      validatingwebhookconfigurations as unknown as typeof mutatingwebhookconfigurations,
      'v',
      hooks.validating,
    );
  asked.length = 0;
  const call: typeof aCall = (resource, name, over) =>
    aCall(resource, name, {
      warn: (text) => void warnings.push(text),
      annotate: (key, value) => {
        notes[key] = value;
      },
      ...over,
    });
  const create = async (name: string, data: Record<string, string> = {}, over = {}) =>
    objectOf(await createObject(whole, call(configmaps, '', over), aConfigMap(name, data))) as ReturnType<
      typeof aConfigMap
    >;
  return { api: whole, asked, notes, warnings, call, create };
}

const RULE = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] };

const aHook = () => ({
  rules: [RULE],
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
});

const hook = (name: string, over: object = {}): object => ({
  name: `${name}.example.com`,
  clientConfig: { url: `https://hooks/${name}` },
  ...over,
});

describe('mutating webhooks', () => {
  it('are asked in order, each on what the one before left, and defaults are set again', async () => {
    const { create, asked, notes } = await cluster(
      { more: { 'b-second': [hook('second')], 'a-first': [hook('zero'), hook('first')] } },
      {
        first: ({ request }) => setKey('first', JSON.stringify(request.object?.data)),
        second: ({ request }) => setKey('second', request.object?.data?.['first'] ?? ''),
      },
    );
    expect((await create('x', { a: 'b' })).data).toEqual({ a: 'b', first: '{"a":"b"}', second: '{"a":"b"}' });
    expect(asked.map((a) => a.hook)).toEqual(['zero', 'first', 'second']);
    expect(notes['mutation.webhook.admission.k8s.io/round_0_index_1']).toBe(
      '{"configuration":"a-first","webhook":"first.example.com","mutated":true}',
    );
    const { api, call } = await cluster(
      { mutating: [hook('m', { rules: [{ ...RULE, resources: ['pods'] }] })] },
      {
        m: () =>
          patch(
            { op: 'add', path: '/spec/initContainers', value: [{ name: 'i', image: 'j', nonsense: 1 }] },
            { op: 'add', path: '/spec/unknown', value: 1 },
          ),
      },
    );
    const pod = objectOf(await createObject(api, call(pods), aPod('p')));
    expect(pod).toMatchObject({ spec: { initContainers: [{ terminationMessagePolicy: 'File' }] } });
    expect(JSON.stringify(pod)).not.toMatch(/nonsense|unknown/);
  });

  it('are asked again, once, where a later one changed something and they are willing', async () => {
    const { create, asked } = await cluster(
      {
        mutating: [
          hook('willing', { reinvocationPolicy: 'IfNeeded' }),
          hook('once'),
          hook('changer', { reinvocationPolicy: 'IfNeeded' }),
        ],
      },
      { changer: () => setKey('c', 'd') },
    );
    await create('x', { a: 'b' });
    expect(asked.map((a) => a.hook)).toEqual(['willing', 'once', 'changer', 'willing']);
  });

  it('may not patch what is deleted, nor answer a patch that does not apply', async () => {
    const { api, call, create } = await cluster(
      { mutating: [hook('m', { rules: [{ ...RULE, operations: ['DELETE'] }] })] },
      { m: () => setKey('a', 'b') },
    );
    await create('x');
    await expect(deleteObject(api, call(configmaps, 'x'), {})).rejects.toMatchObject({
      code: 500,
      message:
        'Internal error occurred: admission webhook "m.example.com" attempted to modify the object, which is not supported for this operation',
    });
    const other = await cluster(
      { mutating: [hook('m')] },
      { m: () => patch({ op: 'remove', path: '/nothing' }) },
    );
    await expect(other.create('x')).rejects.toMatchObject({ code: 500, reason: 'InternalError' });
  });

  it('see a kind in the version of their rule, and change it there', async () => {
    const rules = [{ ...RULE, apiGroups: [''], resources: ['events'] }];
    const { api, call, asked } = await cluster(
      { mutating: [hook('m', { rules }), hook('exact', { rules, matchPolicy: 'Exact' })] },
      { m: () => patch({ op: 'replace', path: '/message', value: 'patched' }) },
    );
    const event = {
      metadata: { name: 'e' },
      eventTime: '2026-01-01T00:00:00.000000Z',
      regarding: { namespace: 'default' },
      note: 'n',
      reason: 'r',
      action: 'a',
      type: 'Normal',
      reportingController: 'example.com/c',
      reportingInstance: 'i',
    };
    const made = objectOf(await createObject(api, call(events), event as unknown as KubeObject));
    expect(made).toMatchObject({ apiVersion: 'events.k8s.io/v1', note: 'patched' });
    expect(asked).toHaveLength(1);
    expect(asked[0]?.request).toMatchObject({
      kind: { group: '', version: 'v1', kind: 'Event' },
      resource: { group: '', version: 'v1', resource: 'events' },
      requestKind: { group: 'events.k8s.io', version: 'v1', kind: 'Event' },
      requestResource: { group: 'events.k8s.io', version: 'v1', resource: 'events' },
      object: { apiVersion: 'v1', message: 'n' },
    });
  });
});

describe('validating webhooks', () => {
  it('hear of everything about a write', async () => {
    const { api, call, create, asked } = await cluster({ validating: [hook('v')] });
    await create('x', { a: 'b' }, { options: { fieldManager: 'me' } });
    const { uid: _uid, ...rest } = asked[0]?.request ?? { uid: '' };
    expect(rest).toEqual({
      kind: { group: '', version: 'v1', kind: 'ConfigMap' },
      resource: { group: '', version: 'v1', resource: 'configmaps' },
      requestKind: { group: '', version: 'v1', kind: 'ConfigMap' },
      requestResource: { group: '', version: 'v1', resource: 'configmaps' },
      name: 'x',
      namespace: 'default',
      operation: 'CREATE',
      userInfo: { username: 'tester', groups: ['system:masters'] },
      object: expect.objectContaining({ kind: 'ConfigMap', apiVersion: 'v1', data: { a: 'b' } }),
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1', fieldManager: 'me' },
    });
    await replaceObject(api, call(configmaps, 'x'), aConfigMap('x', { a: 'c' }));
    expect(asked.at(-1)?.request).toMatchObject({
      operation: 'UPDATE',
      object: { data: { a: 'c' } },
      oldObject: { data: { a: 'b' } },
    });
    await deleteCollection(api, call(configmaps), {}, {});
    expect(asked.at(-1)?.request).toMatchObject({
      operation: 'DELETE',
      name: 'x',
      object: null,
      oldObject: { data: { a: 'c' } },
    });
    await admitConnect(api, call(pods, 'p', { subresource: 'attach' }), new URLSearchParams('stdin=1'));
    expect(asked.at(-1)?.request).toMatchObject({
      operation: 'CONNECT',
      kind: { kind: 'PodAttachOptions' },
      subResource: 'attach',
      requestSubResource: 'attach',
      object: { kind: 'PodAttachOptions', stdin: true },
      options: null,
    });
    await createObject(api, call(namespaces), { metadata: { name: 'other' } });
    expect(asked.at(-1)?.request).toMatchObject({ name: 'other', namespace: 'other' });
  });

  it.each<[string, Response, object]>([
    [
      'with a message',
      { allowed: false, status: { message: 'no way', reason: 'Because', code: 402 } },
      {
        message: 'admission webhook "v.example.com" denied the request: no way',
        reason: 'Because',
        code: 402,
        status: 'Failure',
      },
    ],
    [
      'with a reason',
      { allowed: false, status: { reason: 'Because', status: 'Success', code: 200 } },
      { message: 'admission webhook "v.example.com" denied the request: Because', code: 400 },
    ],
    [
      'without a word',
      { allowed: false },
      { message: 'admission webhook "v.example.com" denied the request without explanation', code: 400 },
    ],
    ['with a code that is none', { allowed: false, status: { code: 4e9 } }, { code: 400 }],
  ])('refuse %s', async (_how, response, status) => {
    const { create } = await cluster({ validating: [hook('v')] }, { v: () => response });
    const err = await create('x').catch((e: { toStatus(): object }) => e.toStatus());
    expect(err).toMatchObject(status);
  });

  it.each<[string, Response, string]>([
    ['an error', new WebhookError('Post "x": EOF'), 'failed to call webhook: Post "x": EOF'],
    [
      'another uid',
      { uid: 'other', allowed: true },
      'received invalid webhook response: expected response.uid="the-uid", got "other"',
    ],
    [
      'a patch',
      setKey('a', 'b'),
      'received invalid webhook response: validating webhook may not return response.patch',
    ],
    [
      'nonsense',
      { allowed: true, warnings: [1] },
      'received invalid webhook response: webhook response has fields of a wrong type',
    ],
  ])('fail closed or open on %s', async (_what, response, reason) => {
    const closed = await cluster({ validating: [hook('v')] }, { v: () => response });
    await expect(closed.create('x')).rejects.toMatchObject({
      code: 500,
      message: `Internal error occurred: failed calling webhook "v.example.com": ${reason}`,
    });
    const open = await cluster(
      { validating: [hook('v', { failurePolicy: 'Ignore' })] },
      { v: () => response },
    );
    await open.create('x');
    expect(open.notes).toEqual({
      'failed-open.validating.webhook.admission.k8s.io/round_0_index_0': 'v.example.com',
    });
  });

  it('warn, and annotate for the audit log', async () => {
    const { create, notes, warnings } = await cluster(
      { validating: [hook('v')] },
      { v: () => ({ allowed: true, warnings: ['careful'], auditAnnotations: { k: 'v' } }) },
    );
    await create('x');
    expect(warnings).toEqual(['careful']);
    expect(notes).toEqual({ 'v.example.com/k': 'v' });
  });

  it('are not asked on a dry run that they have side effects in', async () => {
    const { api, call, asked } = await cluster({ validating: [hook('v')] });
    await createObject(api, call(configmaps, '', { dryRun: true }), aConfigMap('x'));
    expect(asked[0]?.request['dryRun']).toBe(true);
    const webhook = { ...(hook('v') as ValidatingWebhook), sideEffects: 'Some' };
    const one = {
      id: '',
      configuration: '',
      webhook,
      namespaceSelector: undefined,
      objectSelector: undefined,
    };
    const attributes = aWrite(configmaps, aConfigMap('x'), { dryRun: true });
    const invocation = { resource: configmaps, object: undefined, oldObject: undefined };
    const deps = { client: { call: async () => ({}) }, newUid: () => '' };
    await expect(callHook(one, attributes, invocation, false, deps)).rejects.toMatchObject({
      code: 400,
      message: 'admission webhook "v.example.com" does not support dry run',
    });
  });
});

describe('which writes a webhook hears of', () => {
  const heard = async (over: object, act: (c: Awaited<ReturnType<typeof cluster>>) => Promise<unknown>) => {
    const c = await cluster({ validating: [hook('v', over)] });
    await act(c);
    return c.asked.length > 0;
  };
  const rule = (over: object): object => ({ rules: [{ ...RULE, ...over }] });
  const createX = (c: Awaited<ReturnType<typeof cluster>>) => c.create('x');
  const createLabelled = (c: Awaited<ReturnType<typeof cluster>>) =>
    createObject(c.api, c.call(configmaps), { metadata: { name: 'x', labels: { l: '1' } } });
  const createNamespace = (c: Awaited<ReturnType<typeof cluster>>) =>
    createObject(c.api, c.call(namespaces), { metadata: { name: 'other', labels: { team: 'b' } } });
  const createHook = (c: Awaited<ReturnType<typeof cluster>>) =>
    createObject(c.api, c.call(mutatingwebhookconfigurations), { metadata: { name: 'other' } });
  const team = (value: string): object => ({ namespaceSelector: { matchLabels: { team: value } } });

  it.each<[string, object, typeof createX | typeof createLabelled, boolean]>([
    ['of the resource', rule({ resources: ['configmaps'] }), createX, true],
    ['of all resources', rule({ resources: ['*'] }), createX, true],
    ['not of others', rule({ resources: ['pods'] }), createX, false],
    ['not of subresources alone', rule({ resources: ['*/status'] }), createX, false],
    ['not of other operations', rule({ operations: ['UPDATE', 'DELETE'] }), createX, false],
    ['not of other groups', rule({ apiGroups: ['apps'] }), createX, false],
    ['not of other versions', rule({ apiVersions: ['v2'] }), createX, false],
    ['in namespaces', rule({ scope: 'Namespaced' }), createX, true],
    ['not in the cluster', rule({ scope: 'Cluster' }), createX, false],
    ['of namespaces as of the cluster', rule({ scope: 'Cluster' }), createNamespace, true],
    ['not of namespaces as in them', rule({ scope: 'Namespaced' }), createNamespace, false],
    ['in a namespace by its labels', team('a'), createX, true],
    ['not in others', team('b'), createX, false],
    ['of a namespace by its own labels', team('b'), createNamespace, true],
    ['of objects by label', { objectSelector: { matchLabels: { l: '1' } } }, createLabelled, true],
    ['not of objects without', { objectSelector: { matchLabels: { l: '1' } } }, createX, false],
    ['never of what configures admission', {}, createHook, false],
  ])('%s', async (_what, over, act, expected) => {
    expect(await heard(over, act)).toBe(expected);
  });
});
