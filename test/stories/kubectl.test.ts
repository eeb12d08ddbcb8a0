/** Every kubectl command that a person uses in a week, with the real kubectl. */

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/boards/eventually.ts';
import { apply, helloDeployment, shellPod } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 2 });
const kubectl = (args: string | readonly string[], input?: string) =>
  cluster().kubectl.ok(args, input === undefined ? {} : { input });
const directory = mkdtempSync(join(tmpdir(), 'coracle-story-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('a Deployment from the command line', () => {
  beforeAll(async () => {
    await kubectl('create deployment web --image=coracle.local/hello:1 --replicas=2 --port=8080');
    await kubectl('rollout status deployment/web --timeout=90s');
  });

  it('shows in tables, wide, as YAML, as JSON and through jsonpath', async () => {
    expect(await kubectl('get deployment web')).toMatch(
      /NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +2\/2 +2 +2 /,
    );
    expect(await kubectl('get pods -o wide -l app=web')).toMatch(
      /NAME +READY +STATUS +RESTARTS +AGE +IP +NODE /,
    );
    expect(await kubectl('get deployment web -o yaml')).toContain('image: coracle.local/hello:1');
    expect(JSON.parse(await kubectl('get deployment web -o json')).spec.replicas).toBe(2);
    expect(await kubectl('get deployment web -o jsonpath={.status.readyReplicas}')).toBe('2');
    expect(await kubectl('get pods -A')).toMatch(/^NAMESPACE +NAME/);
    expect(await kubectl('get pods --field-selector status.phase=Running -o name')).toContain('pod/web-');
    expect(await kubectl('get pods --field-selector status.phase=Failed -o name')).toBe('');
  });

  it('is described with its events', async () => {
    expect(await kubectl('describe deployment web')).toMatch(/ScalingReplicaSet/);
    expect(await kubectl('describe pods -l app=web')).toMatch(/Scheduled[\s\S]*Started/);
    expect(await kubectl('describe node board-1')).toMatch(/Allocatable:[\s\S]*Non-terminated Pods/);
  });

  it('scales, changes its image, shows its history and goes back', async () => {
    await kubectl('scale deployment web --replicas=3');
    await cluster().readyPods('app=web', 3);
    await kubectl('set image deployment/web hello=coracle.local/hello:2');
    await kubectl('rollout status deployment/web --timeout=90s');
    expect((await kubectl('rollout history deployment/web')).match(/^\d+ /gm)).toHaveLength(2);
    await kubectl('rollout undo deployment/web');
    await kubectl('rollout status deployment/web --timeout=90s');
    expect(await kubectl('get deployment web -o jsonpath={.spec.template.spec.containers[0].image}')).toBe(
      'coracle.local/hello:1',
    );
  });

  it('is exposed: a ClusterIP, and slices that list the ready Pods', async () => {
    await kubectl('expose deployment web --port=80 --target-port=8080');
    expect(await kubectl('get service web -o jsonpath={.spec.clusterIP}')).toMatch(/^10\.43\./);
    await eventually(async () => {
      const ready = await kubectl(
        'get endpointslices -l kubernetes.io/service-name=web -o jsonpath={.items[*].endpoints[?(@.conditions.ready==true)].addresses[0]}',
      );
      expect(ready.split(' ')).toHaveLength(3);
    });
  });

  it('forwards a port', async () => {
    const [file = '', ...args] = cluster().kubectl.argv('port-forward deployment/web 18099:8080');
    const forward = spawn(file, args, { stdio: 'ignore' });
    try {
      await eventually(async () => {
        const answer = await fetch('http://127.0.0.1:18099/');
        expect(await answer.text()).toMatch(/^Hello from a Coracle board! Pod web-/);
      });
    } finally {
      forward.kill();
    }
  });
});

describe('manifests', () => {
  const file = () =>
    [
      helloDeployment('files', 1),
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'files' }, data: { a: '1' } },
    ]
      .map((manifest) => JSON.stringify(manifest))
      .join('\n---\n');

  it('apply twice: the second time nothing changes', async () => {
    expect(await kubectl('apply -f -', file())).toBe(
      'deployment.apps/files created\nconfigmap/files created\n',
    );
    expect(await kubectl('apply -f -', file())).toBe(
      'deployment.apps/files unchanged\nconfigmap/files unchanged\n',
    );
  });

  it('show a diff, and replace', async () => {
    const changed = file().replace('"a":"1"', '"a":"2"');
    const diff = await cluster().kubectl.run('diff -f -', { input: changed });
    expect(diff).toMatchObject({ code: 1 });
    expect(diff.stdout).toMatch(/^-\s+a: "1"\n\+\s+a: "2"$/m);
    const live = JSON.parse(await kubectl('get configmap files -o json'));
    expect(await kubectl('replace -f -', JSON.stringify({ ...live, data: { a: '3' } }))).toBe(
      'configmap/files replaced\n',
    );
    expect(await kubectl('get configmap files -o jsonpath={.data.a}')).toBe('3');
  });

  it('are labelled, annotated and deleted by label', async () => {
    await kubectl('label configmap files tier=edge');
    await kubectl('annotate configmap files note=seen');
    expect(await kubectl('get configmaps -l tier=edge -o name')).toBe('configmap/files\n');
    expect(await kubectl('delete configmap -l tier=edge')).toBe('configmap "files" deleted\n');
    expect(await kubectl('get configmaps -l tier=edge -o name')).toBe('');
  });
});

describe('inside a Pod', () => {
  beforeAll(async () => {
    await apply(cluster(), shellPod('box', 'i=0; while :; do echo line $i; i=$((i+1)); sleep 0.2; done'));
    await kubectl('wait --for=condition=Ready pod/box --timeout=60s');
  });

  it('exec gives output, exit codes, a half-closed stdin and a terminal', async () => {
    expect(await kubectl(['exec', 'box', '--', 'sh', '-c', 'echo out; echo err >&2'])).toBe('out\n');
    expect((await cluster().kubectl.run(['exec', 'box', '--', 'sh', '-c', 'exit 7'])).code).toBe(7);
    expect(await kubectl(['exec', '-i', 'box', '--', 'sh', '-c', 'cat; echo eof'], 'hi\n')).toBe('hi\neof\n');
    const [file = '', ...args] = cluster().kubectl.argv([
      'exec',
      '-it',
      'box',
      '--',
      'sh',
      '-c',
      'tty; stty size',
    ]);
    const quoted = [file, ...args].map((word) => `'${word}'`).join(' ');
    const script = spawn('script', ['-qec', quoted, '/dev/null'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const output: Buffer[] = [];
    script.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    await new Promise((resolve) => script.on('close', resolve));
    expect(Buffer.concat(output).toString()).toContain('/dev/pts/');
  });

  it('logs are followed', async () => {
    const followed = await cluster().kubectl.run('logs -f box --tail=1', { timeoutMs: 3_000 });
    expect(followed.stdout.match(/line \d+/g)?.length).toBeGreaterThan(5);
  });

  it('logs of the container before are kept', async () => {
    await apply(
      cluster(),
      shellPod('once', 'echo start $(cat /proc/sys/kernel/random/uuid); sleep 1; exit 1'),
    );
    await eventually(async () => expect(await kubectl('logs once --previous')).toMatch(/^start /), {
      timeoutMs: 60_000,
    });
    await kubectl('delete pod once --now');
  });

  it('cp carries 5 MB both ways unchanged', async () => {
    const sent = randomBytes(5 * 1024 * 1024);
    writeFileSync(join(directory, 'sent'), sent);
    await kubectl(['cp', join(directory, 'sent'), 'box:/tmp/file']);
    await kubectl(['cp', 'box:/tmp/file', join(directory, 'received')]);
    expect(readFileSync(join(directory, 'received')).equals(sent)).toBe(true);
  });
});

describe('the cluster', () => {
  it('cordons, drains and takes a node back', async () => {
    await kubectl('cordon board-2');
    expect(await kubectl('get node board-2')).toContain('Ready,SchedulingDisabled');
    await kubectl('drain board-2 --ignore-daemonsets --force --delete-emptydir-data --timeout=120s');
    const left = await kubectl('get pods -A --field-selector spec.nodeName=board-2 -o name');
    expect(left).toBe('');
    await kubectl('uncordon board-2');
    await cluster().readyPods('app=web', 3);
  });

  it('explains, and says who may do what', async () => {
    expect(await kubectl('explain pod.spec')).toMatch(/containers\s+<\[\]Container> -required-/);
    expect(await kubectl('auth can-i create pods')).toBe('yes\n');
    const view = await cluster().kubectl.run(
      'auth can-i create pods --as=system:serviceaccount:default:default',
    );
    expect(view.stdout).toBe('no\n');
    expect(await kubectl('create token default')).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  });

  it('lists every resource', async () => {
    const table = await kubectl('api-resources');
    for (const name of [
      'pods',
      'deployments',
      'endpointslices',
      'flowschemas',
      'validatingadmissionpolicies',
    ])
      expect(table).toMatch(new RegExp(`^${name} `, 'm'));
  });

  it('watches', async () => {
    const watched = cluster().kubectl.run('get configmaps -w --no-headers', { timeoutMs: 4_000 });
    await eventually(() => kubectl('create configmap watched'));
    expect((await watched).stdout).toContain('watched');
  });
});
