/** DaemonSets and StatefulSets over two boards: they come up, roll, scale, and go back. */
import { expect, it } from 'vitest';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { eventually } from '../support/boards/eventually.ts';
import { Api, credentialsOf } from '../support/cluster/api.ts';
import { isTrue } from '../support/cluster/cluster.ts';
import { apply, helloDeployment } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 2 });
const kubectl = (args: string) => cluster().kubectl.ok(args);

/** The hello server under another kind. */
function helloSet(kind: 'DaemonSet' | 'StatefulSet', name: string, more: object = {}): object {
  const { spec, ...manifest } = helloDeployment(name, 1) as { spec: { replicas: number } };
  const { replicas: _replicas, ...rest } = spec;
  return { ...manifest, kind, spec: { ...rest, ...more } };
}

const podsOf = async (app: string): Promise<Pod[]> =>
  (await cluster().kubectl.json<{ items: Pod[] }>(`get pods -l app=${app}`)).items;
const imagesOf = (some: readonly Pod[]) => some.map((pod) => pod.spec.containers[0]?.image);

/** What happens to Pods, in order and each once: `create set-0`, `ready set-0`, `delete set-2`. */
async function watchPods(app: string): Promise<{ readonly seen: string[]; readonly close: () => void }> {
  const api = new Api(cluster().url, credentialsOf(cluster().kubeconfig));
  const told = new Set<string>();
  const seen: string[] = [];
  const path = `/api/v1/namespaces/default/pods?labelSelector=app%3D${app}`;
  const end = await api.watch<Pod>(path, (type, pod) => {
    const { uid, name, deletionTimestamp } = pod.metadata;
    const verb =
      type === 'ADDED' ? 'create' : deletionTimestamp ? 'delete' : isTrue(pod, 'Ready') ? 'ready' : undefined;
    if (verb === undefined || told.has(`${verb} ${uid}`)) return;
    told.add(`${verb} ${uid}`);
    seen.push(`${verb} ${name}`);
  });
  return {
    seen,
    close: () => {
      end();
      api.close();
    },
  };
}

/** What a watch brings may come after what kubectl says. */
const becomes = (seen: () => readonly string[], wanted: readonly string[]) =>
  eventually(() => expect(seen()).toEqual(wanted));

it('keeps a daemon on both boards, rolls it, and goes back', async () => {
  await apply(cluster(), helloSet('DaemonSet', 'daemon'));
  expect(await kubectl('rollout status daemonset/daemon --timeout=90s')).toContain(
    'daemon set "daemon" successfully rolled out',
  );
  const first = await cluster().readyPods('app=daemon', 2);
  expect(first.map((pod) => pod.spec.nodeName).sort()).toEqual(['board-1', 'board-2']);

  await kubectl('set image daemonset/daemon hello=coracle.local/hello:2');
  expect(await kubectl('rollout status daemonset/daemon --timeout=90s')).toContain('successfully rolled out');
  const second = await cluster().readyPods('app=daemon', 2);
  expect(imagesOf(second)).toEqual(['coracle.local/hello:2', 'coracle.local/hello:2']);
  expect(second.map((pod) => pod.spec.nodeName).sort()).toEqual(['board-1', 'board-2']);

  expect(await kubectl('rollout history daemonset/daemon')).toMatch(/REVISION[\s\S]*\n1 [\s\S]*\n2 /);
  expect(await kubectl('rollout history daemonset/daemon --revision=1')).toContain('coracle.local/hello:1');
  expect(await kubectl('rollout undo daemonset/daemon')).toContain('rolled back');
  await kubectl('rollout status daemonset/daemon --timeout=90s');
  expect(imagesOf(await cluster().readyPods('app=daemon', 2))).toEqual([
    'coracle.local/hello:1',
    'coracle.local/hello:1',
  ]);
  expect(await kubectl('rollout history daemonset/daemon')).toMatch(/\n2 [\s\S]*\n3 /);
  expect(await kubectl('get daemonset daemon')).toMatch(/daemon +2 +2 +2 +2 +2 +<none>/);
});

it('surges: no board is without its daemon while it rolls', async () => {
  const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
  await apply(cluster(), helloSet('DaemonSet', 'surging', { updateStrategy }));
  await kubectl('rollout status daemonset/surging --timeout=90s');
  await kubectl('rollout restart daemonset/surging');
  let done = false;
  const rollout = kubectl('rollout status daemonset/surging --timeout=90s').finally(() => {
    done = true;
  });
  while (!done) {
    const ready = (await podsOf('surging')).filter((pod) => isTrue(pod, 'Ready'));
    expect(new Set(ready.map((pod) => pod.spec.nodeName)).size).toBe(2);
  }
  await rollout;
  await cluster().readyPods('app=surging', 2);
  await kubectl('delete daemonset surging --cascade=foreground --timeout=60s');
  expect(await kubectl('get pods -l app=surging -o name')).toBe('');
});

it('brings a StatefulSet up in order, rolls it backwards, keeps its names, and scales from the top', async () => {
  const watch = await watchPods('set');
  try {
    await apply(cluster(), {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'set' },
      spec: { clusterIP: 'None', selector: { app: 'set' }, ports: [{ port: 8080 }] },
    });
    await apply(cluster(), helloSet('StatefulSet', 'set', { replicas: 3, serviceName: 'set' }));
    await kubectl('rollout status statefulset/set --timeout=90s');
    await becomes(
      () => watch.seen,
      ['create set-0', 'ready set-0', 'create set-1', 'ready set-1', 'create set-2', 'ready set-2'],
    );
    expect(await kubectl('get pod set-1 -o jsonpath={.spec.hostname}.{.spec.subdomain}')).toBe('set-1.set');

    watch.seen.length = 0;
    await kubectl('set image statefulset/set hello=coracle.local/hello:2');
    await kubectl('rollout status statefulset/set --timeout=120s');
    const rolled = await cluster().readyPods('app=set', 3);
    expect(imagesOf(rolled)).toEqual(Array(3).fill('coracle.local/hello:2'));
    expect(rolled.map(({ metadata }) => metadata.name)).toEqual(['set-0', 'set-1', 'set-2']);
    await becomes(
      () => watch.seen.filter((said) => said.startsWith('create')),
      ['create set-2', 'create set-1', 'create set-0'],
    );

    expect(await kubectl('rollout history statefulset/set')).toMatch(/\n1 [\s\S]*\n2 /);
    expect(await kubectl('rollout undo statefulset/set')).toContain('rolled back');
    await kubectl('rollout status statefulset/set --timeout=120s');
    expect(imagesOf(await cluster().readyPods('app=set', 3))).toEqual(Array(3).fill('coracle.local/hello:1'));

    watch.seen.length = 0;
    await kubectl('scale statefulset/set --replicas=1');
    await eventually(
      async () => expect((await podsOf('set')).map(({ metadata }) => metadata.name)).toEqual(['set-0']),
      { timeoutMs: 60_000 },
    );
    await becomes(
      () => watch.seen.filter((said) => said.startsWith('delete')),
      ['delete set-2', 'delete set-1'],
    );
    await eventually(async () =>
      expect(await kubectl('describe statefulset set')).toContain(
        'delete Pod set-1 in StatefulSet set successful',
      ),
    );
    await kubectl('delete statefulset set --cascade=foreground --timeout=60s');
    expect(await kubectl('get pods,controllerrevisions -l app=set -o name')).toBe('');
  } finally {
    watch.close();
  }
});
