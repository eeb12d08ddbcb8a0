import { describe, expect, it } from 'vitest';
import { horizontalpodautoscalers } from '#proto/api/autoscaling/horizontalpodautoscalers.ts';
import { configmaps } from '#proto/api/core/configmaps.ts';
import { pods } from '#proto/api/core/pods.ts';
import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { ConfigMap } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { aDefinition, install } from '#server/apiserver/customresources/testing.ts';
import { aCall, aConfigMap, aPod, testApi } from '#server/apiserver/testing/test-api.ts';
import { Admission } from './admit.ts';
import type { Api } from './api.ts';
import { admitConnect } from './connect.ts';
import { createObject } from './create.ts';
import { deleteObject } from './delete.ts';
import { objectOf } from './entries.ts';
import { changeObject, replaceObject } from './update.ts';

const withPlugins = (...admission: AdmissionPlugin[]): Api => ({ ...testApi(), admission });

describe('Admission', () => {
  it('runs a second round of all mutating plugins where one of them wants it, and no third', async () => {
    const seen: string[] = [];
    const first: AdmissionPlugin = {
      name: 'first',
      admit: ({ reinvocation, object }) =>
        void seen.push(`${reinvocation.isSecond} ${(object as ConfigMap).data?.['a'] ?? ''}`),
    };
    const second: AdmissionPlugin = {
      name: 'second',
      admit(attributes) {
        attributes.object = { ...attributes.object, data: { a: 'b' } } as unknown as KubeObject;
        attributes.reinvocation.want();
      },
    };
    const made = await createObject(withPlugins(first, second), aCall(configmaps), aConfigMap('x'));
    expect(seen).toEqual(['false ', 'true b']);
    expect(objectOf(made)).toMatchObject({ metadata: { uid: 'uid-1' }, data: { a: 'b' } });
  });

  it('tells of the options, of the kind of a subresource, and of a generated name once there is one', async () => {
    const seen: unknown[] = [];
    const note = (round: string) => (attributes: AdmissionAttributes) =>
      void seen.push([round, attributes.name, attributes.kind.kind, attributes.options]);
    const api = withPlugins({ name: 'note', admit: note('admit'), validate: note('validate') });
    const call = aCall(configmaps, '', { options: { fieldManager: 'me' } });
    await createObject(api, call, { metadata: { generateName: 'x-' } });
    const options = { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1', fieldManager: 'me' };
    expect(seen.splice(0)).toEqual([
      ['admit', '', 'ConfigMap', options],
      ['validate', 'x-bbbbb', 'ConfigMap', options],
    ]);
    await deleteObject(api, aCall(configmaps, 'x-bbbbb'), { gracePeriodSeconds: 0 });
    expect(seen.splice(0)[0]).toEqual([
      'admit',
      'x-bbbbb',
      'ConfigMap',
      { kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1', gracePeriodSeconds: 0 },
    ]);
    const connect = aCall(pods, 'p', { subresource: 'exec' });
    await admitConnect(api, connect, new URLSearchParams('stdin=true&command=sh&command=-c'));
    expect(seen.splice(0)[0]).toEqual(['admit', 'p', 'PodExecOptions', undefined]);
  });

  it('keeps what a plugin may not change', async () => {
    const meddle: AdmissionPlugin = {
      name: 'meddle',
      admit(attributes) {
        if (attributes.operation !== 'UPDATE') return;
        const { metadata } = attributes.object as KubeObject;
        attributes.object = {
          ...attributes.object,
          metadata: { ...metadata, uid: 'other', labels: { a: 'b' } },
          status: { phase: 'Failed' },
        } as unknown as KubeObject;
      },
    };
    const api = withPlugins(meddle);
    const made = objectOf(await createObject(api, aCall(pods), aPod('p', { status: { phase: 'Running' } })));
    const { entry } = await replaceObject(api, aCall(pods, 'p'), structuredClone(made));
    expect(objectOf(entry)).toMatchObject({
      metadata: { uid: 'uid-1', labels: { a: 'b' } },
      status: { phase: 'Running' },
    });
  });

  it('does not admit again what follows from an admitted body', async () => {
    const seen: string[] = [];
    const api = withPlugins({ name: 'note', admit: ({ operation }) => void seen.push(operation) });
    await createObject(api, aCall(configmaps), aConfigMap('x'));
    await changeObject(api, aCall(configmaps, 'x', { admitted: true }), (old) => structuredClone(old));
    expect(seen).toEqual(['CREATE']);
  });

  it('presents an object in the other versions of its kind, and takes it back', async () => {
    const api = withPlugins();
    const v1 = api.resources.find('autoscaling', 'v1', 'horizontalpodautoscalers') as Resource;
    const metric = { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } };
    const object = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'h' },
      spec: {
        maxReplicas: 3,
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
        metrics: [{ type: 'Resource', resource: metric }],
      },
    };
    let versions: AdmissionAttributes['versions'] | undefined;
    const plugin: AdmissionPlugin = {
      name: 'note',
      admit: (attributes) => {
        versions = attributes.versions;
      },
    };
    const call = aCall(horizontalpodautoscalers);
    await new Admission({ ...api, admission: [plugin] }, call, { operation: 'CREATE', object }).mutate();
    expect(versions?.equivalents).toEqual([horizontalpodautoscalers, v1]);
    const shown = await versions?.present(object, v1);
    expect(shown).toMatchObject({
      apiVersion: 'autoscaling/v1',
      spec: { targetCPUUtilizationPercentage: 50 },
    });
    const changed = { ...shown, spec: { ...(shown as { spec?: object }).spec, nonsense: 1 } };
    const back = await versions?.accept(changed as unknown as KubeObject, v1);
    expect(back).toMatchObject(object);
    expect(back).not.toHaveProperty('spec.nonsense');
  });

  it('presents custom resources in all served versions of their definition', async () => {
    const props = {
      properties: { spec: { type: 'object', properties: { a: { type: 'string', default: 'b' } } } },
    };
    const base = withPlugins();
    const versions = [
      { name: 'v1', storage: true, props },
      { name: 'v2', storage: false, props: { 'x-kubernetes-preserve-unknown-fields': true } },
      { name: 'v3', storage: false, served: false },
    ];
    const [v1, v2] = await install(base, aDefinition(versions));
    let seen: AdmissionAttributes['versions'] | undefined;
    const admission = [
      {
        name: 'note',
        admit: (attributes: AdmissionAttributes) => {
          seen = attributes.versions;
        },
      },
    ];
    const object = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'w' }, spec: {} };
    const call = aCall(v1 as Resource);
    await new Admission({ ...base, admission }, call, { operation: 'CREATE', object }).mutate();
    expect(seen?.equivalents).toEqual([v1, v2]);
    const shown = (await seen?.present(object, v2 as Resource)) as KubeObject;
    expect(shown).toEqual({ ...object, apiVersion: 'example.com/v2' });
    const back = await seen?.accept({ ...shown, more: 1 } as KubeObject, v2 as Resource);
    expect(back).toEqual({ ...object, spec: { a: 'b' } });
  });
});
