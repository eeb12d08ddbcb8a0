/** Programs that people already have, on one cluster: upstream's Go libraries, the official JavaScript client, Helm. */
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import {
  AppsV1Api,
  CoreV1Api,
  Exec,
  KubeConfig,
  KubernetesObjectApi,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  type V1ConfigMap,
  type V1Status,
  Watch,
} from '@kubernetes/client-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/boards/eventually.ts';
import { command, must } from '../support/boards/shell.ts';
import { apply, helloDeployment, shellPod } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';
import { goProgram } from '../support/go-program.ts';

const CLIENTS = join(import.meta.dirname, '../clients');
const cluster = useCluster({ boards: 1 });
let kubeconfig = '';
const kubectl = (args: string) => cluster().kubectl.ok(args);

// The server wrote it for its own machine; here it listens on the network of the boards alone.
beforeAll(() => {
  kubeconfig = cluster().kubeconfigForUrl();
});

describe('Go libraries', () => {
  it('satisfies client-go and controller-runtime', async () => {
    const program = await goProgram({ name: 'clients', directory: join(CLIENTS, 'go'), package: '.' });
    const { stdout, stderr } = await command([program, '--kubeconfig', kubeconfig]);
    const checks = stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { name: string; error?: string });
    expect(
      checks.filter((check) => check.error),
      stderr,
    ).toEqual([]);
    expect(checks.length).toBeGreaterThanOrEqual(7);
  }, 1_800_000);
});

describe('the official JavaScript client', () => {
  const config = new KubeConfig();
  beforeAll(() => config.loadFromFile(kubeconfig));

  it('keeps an informer whole through changes', async () => {
    const core = config.makeApiClient(CoreV1Api);
    const namespace = 'default';
    const labelSelector = 'story=informer';
    const configMap = (name: string, value: string): V1ConfigMap => ({
      metadata: { name, labels: { story: 'informer' } },
      data: { value },
    });
    await core.createNamespacedConfigMap({ namespace, body: configMap('before', '1') });
    const informer = makeInformer<V1ConfigMap>(
      config,
      '/api/v1/namespaces/default/configmaps',
      () => core.listNamespacedConfigMap({ namespace, labelSelector }),
      labelSelector,
    );
    const seen: string[] = [];
    for (const verb of ['add', 'update', 'delete'] as const)
      informer.on(verb, ({ metadata, data }) => seen.push(`${verb} ${metadata?.name} ${data?.['value']}`));
    const trouble: unknown[] = [];
    informer.on('error', (err) => trouble.push(err));
    await informer.start();
    try {
      await core.createNamespacedConfigMap({ namespace, body: configMap('during', '1') });
      await core.replaceNamespacedConfigMap({ namespace, name: 'during', body: configMap('during', '2') });
      await core.deleteNamespacedConfigMap({ namespace, name: 'during' });
      const wanted = ['add before 1', 'add during 1', 'update during 2', 'delete during 2'];
      await eventually(async () => expect(seen).toEqual(wanted), { timeoutMs: 10_000, intervalMs: 20 });
      expect(informer.list(namespace).map((object) => object.metadata?.name)).toEqual(['before']);
      expect(trouble).toEqual([]);
    } finally {
      await informer.stop();
    }
  });

  it('watches from a revision, and patches in every way', async () => {
    const apps = config.makeApiClient(AppsV1Api);
    const key = { namespace: 'default', name: 'patched' };
    await apply(cluster(), helloDeployment('patched', 0));
    const { metadata } = await apps.listNamespacedDeployment({ namespace: 'default' });
    const phases: string[] = [];
    const watch = await new Watch(config).watch(
      '/apis/apps/v1/namespaces/default/deployments',
      { resourceVersion: metadata?.resourceVersion, fieldSelector: 'metadata.name=patched' },
      (phase, object: { metadata: { labels?: Record<string, string> } }) =>
        phases.push(`${phase} ${Object.keys(object.metadata.labels ?? {}).sort()}`),
      () => {},
    );
    const as = (type: PatchStrategy) => setHeaderOptions('Content-Type', type);
    const labelled = (label: string) => ({ metadata: { labels: { [label]: 'yes' } } });
    try {
      await apps.patchNamespacedDeployment(
        { ...key, body: [{ op: 'add', path: '/metadata/labels', value: { json: 'yes' } }] },
        as(PatchStrategy.JsonPatch),
      );
      await apps.patchNamespacedDeployment({ ...key, body: labelled('merge') }, as(PatchStrategy.MergePatch));
      await apps.patchNamespacedDeployment(
        { ...key, body: labelled('strategic') },
        as(PatchStrategy.StrategicMergePatch),
      );
      const applied = await KubernetesObjectApi.makeApiClient(config).patch(
        { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { ...key, labels: { apply: 'yes' } } },
        undefined,
        undefined,
        'story',
        true,
        PatchStrategy.ServerSideApply,
      );
      const all = ['apply', 'json', 'merge', 'strategic'];
      expect(Object.keys(applied.metadata?.labels ?? {}).sort()).toEqual(all);
      await eventually(async () => expect(phases.at(-1)).toBe(`MODIFIED ${all}`), { timeoutMs: 10_000 });
    } finally {
      watch.abort();
    }
  });

  it('runs a command in a container, with input and an exit code', async () => {
    await apply(cluster(), shellPod('shell'));
    await kubectl('wait --for=condition=Ready pod/shell --timeout=60s');
    let output = '';
    const stdout = new Writable({
      write(chunk: Buffer, _encoding, done) {
        output += chunk.toString();
        done();
      },
    });
    const stdin = new PassThrough();
    const status = new Promise<V1Status>((resolve, reject) => {
      new Exec(config)
        .exec(
          'default',
          'shell',
          'main',
          ['sh', '-c', 'read x; echo "got $x"; exit 3'],
          stdout,
          null,
          stdin,
          false,
          resolve,
        )
        .catch(reject);
    });
    stdin.write('this\n');
    const { status: outcome, details } = await status;
    expect(outcome).toBe('Failure');
    expect(details?.causes).toEqual([{ reason: 'ExitCode', message: '3' }]);
    expect(output).toBe('got this\n');
  });
});

describe('Helm', () => {
  const chart = join(CLIENTS, 'chart');
  const home = () => join(cluster().lan.directory, 'helm');
  let program = '';
  const helm = (...args: string[]) =>
    must([program, '--kubeconfig', kubeconfig, ...args], {
      env: { HELM_CACHE_HOME: home(), HELM_CONFIG_HOME: home(), HELM_DATA_HOME: home() },
      timeoutMs: 180_000,
    });
  const images = () => kubectl('get deployment red -o jsonpath={.spec.template.spec.containers[*].image}');

  beforeAll(async () => {
    program = await goProgram({
      name: 'helm',
      directory: join(CLIENTS, 'go'),
      package: 'helm.sh/helm/v4/cmd/helm',
    });
  }, 1_800_000);

  it('installs a chart with a custom kind, a hook and a test', async () => {
    await helm('install', 'red', chart, '--wait', '--timeout', '120s');
    expect(await kubectl('get boats')).toMatch(/^NAME\s+SEATS\s+HULL\nred\s+1\s+willow\n$/);
    expect(await kubectl('logs job/red-pre-install')).toBe('pre-install of revision 1\n');
    expect(JSON.parse(await kubectl('get configmap red-greeting -o jsonpath={.data}'))).toMatchObject({
      greeting: 'hello',
      apis: 'true',
      account: 'default',
      cluster: expect.stringMatching(/^v1\.36\./),
    });
    expect(await helm('test', 'red', '--timeout', '60s')).toMatch(/Phase:\s+Succeeded/);
  });

  it('upgrades and runs the hook after it', async () => {
    await helm('upgrade', 'red', chart, '--set', 'tag=2,replicas=2', '--wait', '--timeout', '120s');
    expect(await images()).toBe('coracle.local/hello:2');
    expect(await kubectl('get boat red -o jsonpath={.spec.seats}')).toBe('2');
    expect(await kubectl('logs job/red-post-upgrade')).toBe('post-upgrade of revision 2\n');
  });

  it('leaves a release as it was when an upgrade is refused', async () => {
    await expect(helm('upgrade', 'red', chart, '--set', 'replicas=0')).rejects.toThrow(
      /spec\.seats: Invalid value: 0: spec\.seats in body should be greater than or equal to 1/,
    );
    expect(await kubectl('get boat red -o jsonpath={.spec.seats}')).toBe('2');
  });

  it('rolls back', async () => {
    await helm('rollback', 'red', '1', '--wait', '--timeout', '120s');
    expect(await images()).toBe('coracle.local/hello:1');
    const history = JSON.parse(await helm('history', 'red', '-o', 'json')) as {
      status: string;
      description: string;
    }[];
    expect(history.at(-1)).toMatchObject({ status: 'deployed', description: 'Rollback to 1' });
  });

  it('uninstalls all but the custom kind', async () => {
    await helm('uninstall', 'red', '--wait', '--timeout', '120s');
    expect(await kubectl('get deployments,services,configmaps,boats -l app.kubernetes.io/instance=red')).toBe(
      '',
    );
    expect(JSON.parse(await helm('list', '-o', 'json'))).toEqual([]);
    expect(await kubectl('get crd boats.harbour.example.com -o name')).toMatch(/boats/);
  });
});
