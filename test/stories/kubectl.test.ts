/** Every kubectl command that a person uses in a week, with the real kubectl. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/boards/eventually.ts';
import { apply, shellPod } from '../support/cluster/manifests.ts';
import { inTerminal, Running } from '../support/cluster/running.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 2 });
const kubectl = (args: string | readonly string[], input?: string) =>
  cluster().kubectl.ok(args, input === undefined ? {} : { input });
const start = (args: string | readonly string[]) => new Running(cluster().kubectl.argv(args));
const directory = mkdtempSync(join(tmpdir(), 'coracle-story-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('a Deployment from the command line', () => {
  beforeAll(async () => {
    await kubectl('create deployment web --image=coracle.local/hello:1 --replicas=2 --port=8080');
    expect(await kubectl('rollout status deployment/web --timeout=90s')).toContain(
      'deployment "web" successfully rolled out',
    );
  });

  it('shows in tables, wide, as YAML, as JSON and through jsonpath', async () => {
    expect(await kubectl('get deployment web')).toMatch(
      /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +2\/2 +2 +2 +\d+s\n$/,
    );
    expect(await kubectl('get pods -o wide -l app=web')).toMatch(
      /^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES\n(web-\S+ +1\/1 +Running +0 +\d+s +10\.42\.\d+\.\d+ +board-\d +<none> +<none>\n){2}$/,
    );
    expect(await kubectl('get nodes -o wide')).toMatch(/board-1 +Ready .*containerd:\/\//);
    expect(await kubectl('get deployment web -o yaml')).toContain('image: coracle.local/hello:1');
    expect(JSON.parse(await kubectl('get deployment web -o json')).spec.replicas).toBe(2);
    expect(await kubectl('get deployment web -o jsonpath={.status.readyReplicas}')).toBe('2');
  });

  it('is found by selectors and in all namespaces', async () => {
    expect(await kubectl('get pods -A')).toMatch(/^NAMESPACE +NAME +READY/);
    expect(await kubectl('get all -A')).toContain('service/kubernetes');
    expect(await kubectl(['get', 'pods', '-l', 'app in (web),app!=other', '-o', 'name'])).toMatch(
      /^(pod\/web-\S+\n){2}$/,
    );
    expect(await kubectl('get pods -l app!=web -o name')).toBe('');
    const running = 'get pods -o name --field-selector';
    expect(await kubectl(`${running} status.phase=Running`)).toMatch(/^(pod\/web-\S+\n){2}$/);
    expect(await kubectl(`${running} status.phase=Failed`)).toBe('');
    const refused = await cluster().kubectl.run(`${running} spec.colour=red`);
    expect(refused.stderr).toContain('field label not supported: spec.colour');
  });

  it('is described with its events', async () => {
    expect(await kubectl('describe deployment web')).toMatch(
      /Replicas: +2 desired \| 2 updated \| 2 total \| 2 available[\s\S]*ScalingReplicaSet[\s\S]*Scaled up replica set/,
    );
    const [pod] = await cluster().readyPods('app=web', 2);
    // Boards tell events beside what they tell of Pods, not before.
    await eventually(async () =>
      expect(await kubectl(`describe pod ${pod?.metadata.name}`)).toMatch(
        /Conditions:[\s\S]*Normal +Scheduled[\s\S]*Normal +Started/,
      ),
    );
    expect(await kubectl('describe node board-1')).toMatch(/Allocatable:[\s\S]*Non-terminated Pods/);
    expect(await kubectl('events --for deployment/web')).toMatch(
      /Normal +ScalingReplicaSet +Deployment\/web/,
    );
    expect(await kubectl('get events --field-selector reason=Scheduled')).toMatch(/Scheduled +pod\/web-/);
  });

  it('scales, changes its image, shows its history and goes back', async () => {
    await kubectl('scale deployment web --replicas=3');
    await cluster().readyPods('app=web', 3);
    await kubectl('set image deployment/web hello=coracle.local/hello:2');
    await kubectl('rollout status deployment/web --timeout=90s');
    expect(await kubectl('rollout history deployment/web')).toMatch(/\n1 +<none>\n2 +<none>\n/);
    expect(await kubectl('rollout history deployment/web --revision=2')).toContain('coracle.local/hello:2');
    await kubectl('rollout undo deployment/web');
    await kubectl('rollout status deployment/web --timeout=90s');
    expect(await kubectl('rollout history deployment/web')).toMatch(/\n2 +<none>\n3 +<none>\n/);
    expect(await kubectl('get deployment web -o jsonpath={.spec.template.spec.containers[0].image}')).toBe(
      'coracle.local/hello:1',
    );
  });

  it('is exposed: a ClusterIP, and slices that list the ready Pods', async () => {
    const pods = await cluster().readyPods('app=web', 3);
    await kubectl('expose deployment web --port=80 --target-port=8080');
    expect(await kubectl('get service web -o jsonpath={.spec.clusterIP}')).toMatch(/^10\.43\./);
    const ready = await eventually(async () => {
      const addresses = await kubectl(
        'get endpointslices -l kubernetes.io/service-name=web -o jsonpath={.items[*].endpoints[?(@.conditions.ready==true)].addresses[0]}',
      );
      return addresses.split(' ').length === 3 && addresses.split(' ').sort();
    });
    expect(ready).toEqual(pods.map((pod) => pod.status?.podIP).sort());
    const endpoints = await eventually(async () => {
      const got = await cluster().kubectl.run('get endpoints web');
      expect(got.stdout).toMatch(/^NAME +ENDPOINTS +AGE\nweb +10\.42\.\d+\.\d+:8080,/);
      return got;
    });
    expect(endpoints.stderr).toContain('Warning: v1 Endpoints is deprecated in v1.33+');
    expect(await kubectl('describe service web')).toMatch(/TargetPort: +8080\/TCP\nEndpoints: +10\.42\./);
  });

  it.each(['deployment/web', 'service/web'])('forwards a port of %s', async (target) => {
    const forward = start(`port-forward ${target} :${target.startsWith('service') ? 80 : 8080}`);
    try {
      const port = await forward.says(/Forwarding from 127\.0\.0\.1:(\d+) -> 8080/);
      const hello = () => fetch(`http://127.0.0.1:${port}/`).then((answer) => answer.text());
      for (const answer of [await hello(), ...(await Promise.all([hello(), hello(), hello()]))])
        expect(answer).toMatch(/^Hello from a Coracle board! Pod web-/);
    } finally {
      await forward.stop();
    }
  });
});

describe('manifests', () => {
  const file = (value: string) => `# Several documents, as people write them.
apiVersion: v1
kind: ConfigMap
metadata: {name: files, labels: {app: files}}
data:
  a: "${value}"
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: files
spec:
  selector: {matchLabels: {app: files}}
  template:
    metadata: {labels: {app: files}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: hello
          image: coracle.local/hello:1
          ports: [{containerPort: 8080}]
          resources: {requests: {cpu: 10m, memory: 8Mi}}
---
apiVersion: v1
kind: Service
metadata: {name: files}
spec: {selector: {app: files}, ports: [{port: 80, targetPort: 8080}]}
---
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: files}
rules: [{apiGroups: [""], resources: [pods], verbs: [get, list]}]
`;
  const NAMES = [
    'configmap/files',
    'deployment.apps/files',
    'service/files',
    'role.rbac.authorization.k8s.io/files',
  ];
  const all = (what: string) => NAMES.map((name) => `${name} ${what}\n`).join('');

  it('apply twice: the second time nothing changes', async () => {
    expect(await kubectl('apply -f -', file('1'))).toBe(all('created'));
    expect(await kubectl('apply -f -', file('1'))).toBe(all('unchanged'));
    await kubectl('wait --for=condition=Available deployment/files --timeout=60s');
    expect(await kubectl('apply -f -', file('1'))).toBe(all('unchanged'));
    expect(await kubectl('apply --server-side --force-conflicts -f -', file('1'))).toBe(
      all('serverside-applied'),
    );
  });

  it('show a diff', async () => {
    const diff = await cluster().kubectl.run('diff -f -', { input: file('2') });
    expect(diff).toMatchObject({ code: 1, stderr: '' });
    expect(diff.stdout).toMatch(/^-\s+a: "1"\n\+\s+a: "2"$/m);
    expect(await kubectl('get configmap files -o jsonpath={.data.a}')).toBe('1');
    expect(await kubectl('apply -f -', file('2'))).toBe(all('configured'));
    expect(await cluster().kubectl.run('diff -f -', { input: file('2') })).toMatchObject({
      code: 0,
      stdout: '',
    });
  });

  it('are replaced and edited, and not over what another wrote', async () => {
    const live = JSON.parse(await kubectl('get configmap files -o json'));
    const replace = JSON.stringify({ ...live, data: { a: 'three' } });
    expect(await kubectl('replace -f -', replace)).toBe('configmap/files replaced\n');
    const late = await cluster().kubectl.run('replace -f -', { input: replace.replace('three', 'four') });
    expect(late.stderr).toContain('the object has been modified');
    const edited = await cluster().kubectl.run('edit configmap files', {
      env: { KUBE_EDITOR: 'sed -i s/three/five/' },
    });
    expect(edited).toMatchObject({ code: 0, stdout: 'configmap/files edited\n' });
    expect(await kubectl('get configmap files -o jsonpath={.data.a}')).toBe('five');
  });

  it('are labelled, annotated, patched and deleted by label', async () => {
    expect(await kubectl('label configmap files tier=edge')).toBe('configmap/files labeled\n');
    const again = await cluster().kubectl.run('label configmap files tier=core');
    expect(again.stderr).toContain("'tier' already has a value (edge), and --overwrite is false");
    expect(await kubectl('annotate configmap files note=seen')).toBe('configmap/files annotated\n');
    expect(await kubectl('get configmap files -o jsonpath={.metadata.annotations.note}')).toBe('seen');
    expect(await kubectl(['patch', 'configmap', 'files', '-p', '{"data":{"b":"2"}}'])).toContain('patched');
    expect(await kubectl('get configmaps -l tier=edge -o name')).toBe('configmap/files\n');
    expect(await kubectl('delete configmap -l tier=edge')).toContain('configmap "files" deleted');
    expect(await kubectl('get configmaps -l tier=edge -o name')).toBe('');
    await kubectl('delete deployment,service,role files');
    await kubectl('wait --for=delete pod -l app=files --timeout=30s');
  });

  it('name what is wrong with them', async () => {
    const typo = await cluster().kubectl.run('apply -f -', {
      input: file('1').replace('containers:', 'container:'),
    });
    expect(typo.code).toBe(1);
    expect(typo.stderr).toMatch(/strict decoding error: unknown field "spec\.template\.spec\.container"/);
    await kubectl('delete -f - --ignore-not-found', file('1'));
  });
});

describe('inside a Pod', () => {
  beforeAll(async () => {
    const loop = 'trap exit TERM; i=0; while :; do echo line $i; i=$((i+1)); sleep 0.2; done';
    await kubectl([
      ...'run box --image=coracle.local/busybox:1 --image-pull-policy=IfNotPresent'.split(' '),
      ...['--', 'sh', '-c', loop],
    ]);
    expect(await kubectl('wait --for=condition=Ready pod/box --timeout=60s')).toBe('pod/box condition met\n');
    await kubectl('wait --for=jsonpath={.status.phase}=Running pod/box --timeout=10s');
  });

  it('exec gives output and exit codes', async () => {
    const script = 'echo out; echo err >&2; exit 7';
    const both = await cluster().kubectl.run([...'exec box -- sh -c'.split(' '), script]);
    expect(both).toMatchObject({ code: 7, stdout: 'out\n' });
    expect(both.stderr).toMatch(/^err\n/);
    const absent = await cluster().kubectl.run('exec box -- no-such-program');
    expect(absent.code).not.toBe(0);
    expect(absent.stderr).toContain('no-such-program');
  });

  it('exec half-closes stdin: what reads to the end can still answer', async () => {
    expect(await kubectl(['exec', '-i', 'box', '--', 'sh', '-c', 'cat; echo eof'], 'hi\n')).toBe('hi\neof\n');
    const data = randomBytes(1024 * 1024).toString('hex');
    const sum = createHash('sha256').update(data).digest('hex');
    expect(await kubectl('exec -i box -- sha256sum', data)).toBe(`${sum}  -\n`);
  });

  it('exec with a terminal: its size, signals of the keyboard, the exit code', async () => {
    const terminal = inTerminal(cluster().kubectl.argv('exec -it box -- sh'), { rows: 33, columns: 111 });
    try {
      await terminal.says(/# /);
      terminal.write('tty; stty size\n');
      await terminal.says(/\/dev\/pts\/\d+\s+33 111/);
      // What is typed before the program reads its terminal is input to the shell, so it says when it does.
      terminal.write('sh -c \'echo "wa"iting; sleep 1000\'\n');
      await terminal.says(/waiting/);
      terminal.write('\x03');
      terminal.write('echo alive $((6 * 7))\n');
      await terminal.says(/alive 42/);
      terminal.write('exit 5\n');
      expect(await terminal.ends()).toBe(5);
    } finally {
      await terminal.stop();
    }
  });

  it('attach shows what the container writes, and takes its input', async () => {
    const attached = start('attach box');
    try {
      const first = Number(await attached.says(/line (\d+)\n/));
      await attached.says(new RegExp(`line ${first + 3}\n`));
    } finally {
      await attached.stop();
    }
    const answer = await kubectl(
      [
        ...'run reader -i --rm --restart=Never --image=coracle.local/busybox:1'.split(' '),
        ...['--image-pull-policy=IfNotPresent', '--', 'sh', '-c', 'read x; echo got $x'],
      ],
      'hello\n',
    );
    expect(answer).toContain('got hello\n');
  });

  it('logs are followed', async () => {
    const followed = start('logs -f box --tail=1');
    try {
      const first = Number(await followed.says(/^line (\d+)\n/));
      await followed.says(new RegExp(`line ${first + 8}\n`));
      const numbers = [...followed.output.matchAll(/line (\d+)\n/g)].map((match) => Number(match[1]));
      expect(numbers).toEqual(numbers.map((_, index) => first + index)); // none lost, none twice
    } finally {
      await followed.stop();
    }
    expect(await kubectl('logs box --tail=2 --timestamps')).toMatch(
      /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z line \d+\n){2}$/,
    );
    expect(await kubectl('logs -l app=web --prefix --tail=1')).toMatch(/^\[pod\/web-\S+\/hello\] /);
  });

  it('logs of the container before are kept', async () => {
    const script =
      'echo start $(cat /proc/sys/kernel/random/uuid); [ -e /kept/first ] && exec sleep 1000; touch /kept/first; exit 1';
    const kept = { name: 'kept', emptyDir: {} };
    const container = { volumeMounts: [{ name: 'kept', mountPath: '/kept' }] };
    await apply(cluster(), shellPod('once', script, container, { volumes: [kept] }));
    const start = /^start [0-9a-f-]{36}\n$/;
    const logs = (flags = '') =>
      eventually(async () => start.exec(await kubectl(`logs once${flags}`))?.[0], { timeoutMs: 60_000 });
    const previous = await logs(' --previous');
    // Until its restart, the one that has ended is both.
    await eventually(async () => expect(await logs()).not.toBe(previous), { timeoutMs: 60_000 });
    expect(await logs(' --previous')).toBe(previous);
    expect(await kubectl('delete pod once --now')).toContain('pod "once" deleted');
  });

  it('cp carries 5 MB both ways unchanged', async () => {
    const sent = randomBytes(5 * 1024 * 1024);
    const sum = createHash('sha256').update(sent).digest('hex');
    writeFileSync(join(directory, 'sent'), sent);
    await kubectl(['cp', join(directory, 'sent'), 'box:/tmp/file']);
    expect(await kubectl('exec box -- sha256sum /tmp/file')).toBe(`${sum}  /tmp/file\n`);
    await kubectl(['cp', 'box:/tmp/file', join(directory, 'received')]);
    const received = readFileSync(join(directory, 'received'));
    expect(createHash('sha256').update(received).digest('hex')).toBe(sum);
  });
});

describe('the cluster', () => {
  it('cordons, drains and takes a node back', async () => {
    expect(await kubectl('cordon board-2')).toBe('node/board-2 cordoned\n');
    expect(await kubectl('get node board-2')).toContain('Ready,SchedulingDisabled');
    await kubectl('drain board-2 --ignore-daemonsets --force --delete-emptydir-data --timeout=120s');
    expect(await kubectl('get pods -A --field-selector spec.nodeName=board-2 -o name')).toBe('');
    const pods = await cluster().readyPods('app=web', 3);
    expect(new Set(pods.map((pod) => pod.spec.nodeName))).toEqual(new Set(['board-1']));
    expect(await kubectl('uncordon board-2')).toBe('node/board-2 uncordoned\n');
    await kubectl('scale deployment web --replicas=6');
    const spread = await cluster().readyPods('app=web', 6);
    expect(spread.some((pod) => pod.spec.nodeName === 'board-2')).toBe(true);
  });

  it('explains', async () => {
    const explained = await kubectl('explain pod.spec');
    expect(explained).toMatch(/^KIND: +Pod\nVERSION: +v1\n\nFIELD: spec <PodSpec>\n/);
    expect(explained).toMatch(/containers\t<\[\]Container> -required-\n +List of containers belonging to/);
    expect(await kubectl('explain deployment.spec.replicas')).toMatch(
      /FIELD: replicas <integer>[\s\S]*Number of desired pods/,
    );
    expect(await kubectl('explain deployment --recursive')).toMatch(/\n +progressDeadlineSeconds\t<integer>/);
  });

  it('says who may do what', async () => {
    expect(await kubectl('auth can-i create pods')).toBe('yes\n');
    expect(await kubectl('auth whoami')).toMatch(/Groups +\[system:masters system:authenticated\]/);
    const account = '--as=system:serviceaccount:default:default';
    const refused = await cluster().kubectl.run(`auth can-i create pods ${account}`);
    expect(refused).toMatchObject({ code: 1, stdout: 'no\n' });
    await kubectl('create rolebinding viewers --clusterrole=view --serviceaccount=default:default');
    await eventually(async () => (await kubectl(`auth can-i list pods ${account}`)) === 'yes\n');
  });

  it('makes a token that works', async () => {
    const token = (await kubectl('create token default --duration=10m')).trim();
    expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    // `--kubeconfig` names a client certificate, which would win: only the CA is taken from it.
    const ca = join(directory, 'ca.crt');
    writeFileSync(ca, await kubectl('get configmap kube-root-ca.crt -o jsonpath={.data.ca\\.crt}'));
    const asAccount = [
      ...['--kubeconfig', '/dev/null', '--certificate-authority', ca, '--token', token],
      ...['auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'],
    ];
    expect(await kubectl(asAccount)).toBe('system:serviceaccount:default:default');
  });

  it('lists every resource', async () => {
    const table = await kubectl('api-resources');
    for (const name of 'pods deployments endpointslices flowschemas validatingadmissionpolicies'.split(' '))
      expect(table).toMatch(new RegExp(`^${name} `, 'm'));
    expect(await kubectl('api-versions')).toMatch(/^apps\/v1$/m);
    expect(await kubectl('cluster-info')).toContain('Kubernetes control plane');
  });

  it('watches', async () => {
    const watch = start('get configmaps -w --no-headers --output-watch-events');
    try {
      await watch.says(/ADDED +kube-root-ca\.crt/);
      await kubectl('create configmap watched --from-literal=a=1');
      await watch.says(/ADDED +watched +1/);
      await kubectl('label configmap watched seen=yes');
      await watch.says(/MODIFIED +watched/);
      await kubectl('delete configmap watched');
      await watch.says(/DELETED +watched/);
    } finally {
      await watch.stop();
    }
  });
});
