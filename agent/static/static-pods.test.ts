import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, FakeDesired } from '#agent/pod/fixtures.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import { mirrorOf, planMirrors, staticPod } from './static-pod.plan.ts';
import { StaticPods } from './static-pods.ts';

const facts = { nodeName: 'Kitchen', hash: 'abc', seen: '2026-01-01T00:00:00Z' };
const manifest = (over: object = {}, metadata: object = { name: 'web' }) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata,
  spec: { containers: [{ name: 'main', image: 'a:1' }], ...over },
});

describe('a static pod', () => {
  it('is named after its board, says where it is from, and stays', () => {
    const pod = staticPod(manifest({ priorityClassName: 'system-node-critical' }), facts);
    expect(pod.metadata).toMatchObject({
      ...{ name: 'web-kitchen', namespace: 'default', uid: 'abc' },
      annotations: { 'kubernetes.io/config.hash': 'abc', 'kubernetes.io/config.source': 'file' },
    });
    expect(pod.spec).toMatchObject({
      ...{
        nodeName: 'Kitchen',
        restartPolicy: 'Always',
        terminationGracePeriodSeconds: 30,
        priority: 2_000_001_000,
      },
      tolerations: [{ operator: 'Exists', effect: 'NoExecute' }],
    });
  });

  it('has the defaults that an API server would give to its probes', () => {
    const containers = [{ name: 'main', image: 'a:1', livenessProbe: { periodSeconds: 3 } }];
    expect(staticPod(manifest({ containers }), facts).spec.containers[0]?.livenessProbe).toEqual({
      ...{ periodSeconds: 3, timeoutSeconds: 1, successThreshold: 1, failureThreshold: 3 },
    });
  });

  it.each<[string, unknown]>([
    ['expected apiVersion: v1, kind: Pod', { kind: 'Deployment' }],
    ['expected apiVersion: v1, kind: Pod', null],
    ['name is needed for the pod', manifest({}, {})],
    ['spec.containers: Required value', manifest({ containers: [] })],
    ['needs a name and an image', manifest({ containers: [{ name: 'main' }] })],
    ['static pods may not reference serviceaccounts', manifest({ serviceAccountName: 'x' })],
    ['static pods may not reference secrets', manifest({ imagePullSecrets: [{ name: 'x' }] })],
    ['configmaps (via configmap volumes)', manifest({ volumes: [{ name: 'v', configMap: {} }] })],
    [
      'persistentvolumeclaims',
      manifest({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] }),
    ],
    [
      'serviceaccounts (via projected',
      manifest({
        volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }],
      }),
    ],
  ])('is refused: %s', (message, what) => expect(() => staticPod(what, facts)).toThrow(message));
});

describe('mirrors', () => {
  const pod = staticPod(manifest(), facts);
  const mirror = mirrorOf(pod, 'kitchen', 'n1');
  const with_ = (metadata: Partial<Pod['metadata']>): Pod => ({
    ...mirror,
    metadata: { ...mirror.metadata, ...metadata },
  });
  it('belong to the node and name their pod', () => {
    expect(mirror.metadata).toMatchObject({
      annotations: { 'kubernetes.io/config.mirror': 'abc' },
      ownerReferences: [{ kind: 'Node', name: 'kitchen', uid: 'n1', controller: true }],
    });
    expect(mirror.metadata.uid).toBeUndefined();
  });
  it.each<[string, Pod[], Pod[], number, number]>([
    ['missing', [pod], [], 1, 0],
    ['right', [pod], [mirror], 0, 0],
    ['of an older file', [pod], [with_({ annotations: { 'kubernetes.io/config.mirror': 'old' } })], 0, 1],
    ['deleted by somebody', [pod], [with_({ deletionTimestamp: '2026-01-01T00:00:00Z' })], 0, 1],
    ['of a file that is gone', [], [mirror], 0, 1],
  ])('%s', (_what, statics, mirrors, create, remove) => {
    const plan = planMirrors(statics, mirrors);
    expect([plan.create.length, plan.remove.length]).toEqual([create, remove]);
  });
});

describe('a folder of manifests', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'coracle-static-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  class Desired extends FakeDesired {
    override node(): Node {
      return { metadata: { name: 'kitchen', uid: 'n1' }, spec: {} };
    }
  }

  it('is followed, with the server or without', async () => {
    const desired = new Desired();
    const cluster = new FakeCluster();
    cluster.connected = false;
    const statics = new StaticPods({
      ...{ desired, cluster, folder, nodeName: 'kitchen', clock: new FakeClock(), log: silent },
    });
    const changes: string[] = [];
    statics.onChange((plural) => changes.push(plural));
    const names = () => statics.pods().map(({ metadata }) => metadata.name);
    await statics.refresh();
    expect([names(), changes]).toEqual([[], []]);

    const file = join(folder, 'web.yaml');
    const write = (image: string): void =>
      writeFileSync(
        file,
        `apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers: [{name: main, image: "${image}"}]\n`,
      );
    write('a:1');
    writeFileSync(join(folder, 'broken.yaml'), 'kind: [');
    await statics.refresh();
    await statics.refresh();
    expect([names(), changes]).toEqual([['web-kitchen'], ['pods']]);
    const [first] = statics.pods();

    write('a:22');
    await statics.refresh();
    const [second] = statics.pods();
    expect(second?.metadata.uid).not.toBe(first?.metadata.uid);
    writeFileSync(file, 'half wri');
    await statics.refresh();
    expect(statics.pods()).toEqual([second]);

    expect(cluster.calls).toEqual([]);
    cluster.setConnected(true);
    await expect
      .poll(() => cluster.calls.map(({ method, path }) => `${method} ${path}`))
      .toEqual(['POST /api/v1/namespaces/default/pods']);

    // The server sends it back: it is not run twice, and its streams are found.
    const mirror = mirrorOf(second as Pod, 'kitchen', 'n1');
    desired.setPod({ ...mirror, metadata: { ...mirror.metadata, uid: 'server-side' } });
    expect(statics.pods()).toEqual([second]);
    expect(statics.uidHere('server-side')).toBe(second?.metadata.uid);
    expect(statics.uidHere('other')).toBe('other');

    rmSync(file);
    await statics.refresh();
    expect(names()).toEqual([]);
  });
});
