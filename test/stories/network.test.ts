/** Services, names and ways between boards, as a Pod, a board and somebody on the LAN see them. */
import { createSocket } from 'node:dgram';
import { expect, it } from 'vitest';
import type { Service } from '#proto/schema/generated/core-v1.ts';
import type { Board } from '../support/boards/board.ts';
import { eventually } from '../support/boards/eventually.ts';
import { must } from '../support/boards/shell.ts';
import { apply, helloDeployment, shellPod } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 2, ownContainerd: true, agentsFindServer: true });

const aService = (name: string, spec: object) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...spec },
});
const service = (name: string) => cluster().kubectl.json<Service>(`get service ${name}`);

/** In Pod `client`, which the API server reaches even where no Service works. */
const inPod = (script: string) => cluster().kubectl.run(['exec', 'client', '--', 'sh', '-c', script]);
const okInPod = async (script: string): Promise<string> => {
  const { code, stdout, stderr } = await inPod(script);
  if (code !== 0) throw new Error(`${script}: exit code ${code}: ${stderr}${stdout}`);
  return stdout;
};
/** Who answers, asked often enough that every board would have had its turn. */
const answering = (url: string) =>
  `for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do timeout 5 wget -qO- ${url} || exit 1; echo; done`;
const distinct = (text: string) => new Set(text.split('\n').filter((line) => /\S/.test(line)));

it('starts', async () => {
  await apply(
    cluster(),
    helloDeployment('web', 2, {
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'kubernetes.io/hostname',
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: { matchLabels: { app: 'web' } },
        },
      ],
    }),
    aService('web', {
      type: 'NodePort',
      ports: [{ name: 'http', port: 80, targetPort: 8080, nodePort: 30080 }],
    }),
    aService('headless', { clusterIP: 'None' }),
    aService('nobody', { selector: { app: 'nobody' } }),
    shellPod('client'),
  );
  const pods = await cluster().readyPods('app=web', 2);
  expect(new Set(pods.map((pod) => pod.spec.nodeName)).size).toBe(2);
  await cluster().readyPods('app=client', 1);
});

it('reaches the Pods of both boards by name and by ClusterIP', async () => {
  await eventually(async () => expect(distinct(await okInPod(answering('http://web/'))).size).toBe(2));
  const { spec } = await service('web');
  expect(distinct(await okInPod(answering(`http://${spec.clusterIP}/`))).size).toBe(2);
});

it('resolves every form of a name, and the Pods behind a headless Service', async () => {
  const pods = await cluster().readyPods('app=web', 2);
  for (const name of ['web', 'web.default', 'web.default.svc', 'web.default.svc.cluster.local'])
    expect(await okInPod(`timeout 5 wget -qO- http://${name}/`)).toMatch(/web-/);
  await eventually(async () => {
    const headless = await okInPod('nslookup headless.default.svc.cluster.local | tail -n +3');
    for (const pod of pods) expect(headless).toContain(pod.status?.podIP);
    return true;
  });
  const nothing = await inPod('nslookup nothing.default.svc.cluster.local');
  expect(nothing.stdout + nothing.stderr).toMatch(/NXDOMAIN|can't resolve|can't find/i);
});

it('is reached from the LAN at the node port of each board', async () => {
  for (const board of cluster().boards)
    await eventually(async () => {
      const answers = new Set<string>();
      for (let i = 0; i < 16; i++)
        answers.add(await must(['curl', '-sS', '-m', '5', `http://${board.ip}:30080/`]));
      return answers.size === 2;
    });
});

it('gives a load balancer the addresses of the boards, at each of which it answers', async () => {
  await apply(
    cluster(),
    aService('balanced', {
      type: 'LoadBalancer',
      allocateLoadBalancerNodePorts: false,
      ports: [{ name: 'http', port: 8090, targetPort: 8080 }],
    }),
  );
  const addresses = await eventually(async () => {
    const { status } = await service('balanced');
    const found = status?.loadBalancer?.ingress?.map(({ ip }) => ip).sort();
    return found?.length === 2 ? found : false;
  });
  expect(addresses).toEqual(
    cluster()
      .boards.map((board) => board.ip)
      .sort(),
  );
  for (const ip of addresses || [])
    await eventually(async () => /web-/.test(await must(['curl', '-sS', '-m', '5', `http://${ip}:8090/`])));
  await apply(
    cluster(),
    aService('late', { type: 'LoadBalancer', ports: [{ name: 'http', port: 8090, targetPort: 8080 }] }),
  );
  await eventually(async () => {
    const events = await cluster().kubectl.ok('get events --field-selector involvedObject.name=late');
    return events.includes('port TCP/8090 of the boards is taken by Service default/balanced');
  });
});

it('asks a stub domain’s server, and lets Pods of the user answer for all names', async () => {
  const { hostIp } = cluster().lan;
  const other = createSocket('udp4');
  // To whatever it is asked it says 192.0.2.7.
  other.on('message', (query, from) => {
    const name = query.subarray(12, query.indexOf(0, 12) + 5);
    const header = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 192, 0, 2, 7]);
    other.send(Buffer.concat([header, name, answer]), from.port, from.address);
  });
  await new Promise<void>((resolve) => other.bind(0, hostIp, resolve));
  const { port } = other.address();
  const resolves = (name: string, wanted: string) =>
    eventually(async () => (await inPod(`nslookup -type=a ${name} | tail -n +3`)).stdout.includes(wanted));
  try {
    expect(await okInPod('nslookup kube-dns.kube-system.svc.cluster.local | tail -n +3')).toContain(
      '10.43.0.10',
    );
    const stubDomains = JSON.stringify({ 'acme.test': [`${hostIp}:${port}`] });
    await apply(cluster(), {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kube-dns', namespace: 'kube-system' },
      data: { stubDomains },
    });
    await resolves('www.acme.test', '192.0.2.7');
    expect((await inPod('nslookup -type=a www.else.test')).stdout).not.toContain('192.0.2.7');
    await apply(cluster(), {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: 'theirs',
        namespace: 'kube-system',
        labels: { 'kubernetes.io/service-name': 'kube-dns' },
      },
      addressType: 'IPv4',
      endpoints: [{ addresses: [hostIp], conditions: { ready: true } }],
      ports: [{ name: 'dns', protocol: 'UDP', port }],
    });
    await resolves('www.else.test', '192.0.2.7');
    await cluster().kubectl.ok('delete endpointslice theirs -n kube-system');
    await resolves('web.default.svc.cluster.local', '10.43.');
  } finally {
    other.close();
  }
});

it('refuses at once what has no endpoints', async () => {
  const { spec } = await service('nobody');
  const { code, stderr } = await inPod(`timeout 5 wget -qO- http://${spec.clusterIP}/`);
  expect(stderr).toMatch(/refused/);
  expect(code).not.toBe(0);
});

it('resolves kubernetes.default, and the API answers a Pod there that shows its token', async () => {
  expect(await okInPod('nslookup kubernetes.default.svc.cluster.local | tail -n +3')).toContain('10.43.0.1');
  const [client] = await cluster().readyPods('app=client', 1);
  const token = await okInPod('cat /var/run/secrets/kubernetes.io/serviceaccount/token');
  // The board's curl in the Pod's network: busybox has no TLS.
  const answer = await cluster()
    .board(client?.spec.nodeName ?? '')
    .exec(
      `nsenter -n -t "$(pgrep -o -f 'while :[;] do sleep')" curl -skS -m 5 -H 'Authorization: Bearer ${token}' https://10.43.0.1/version`,
    );
  expect(answer.stdout + answer.stderr).toContain('gitVersion');
});

/** From a board itself, by the name that its own DNS resolves. */
const fromBoard = async (board: Board, name: string): Promise<string> => {
  const resolved = await board.exec([
    'busybox',
    'nslookup',
    `${name}.default.svc.cluster.local`,
    '10.43.0.10',
  ]);
  const ip = /10\.43\.(?!0\.10\b)\d+\.\d+/.exec(resolved.stdout)?.[0];
  if (!ip) throw new Error(`${name} does not resolve on ${board.name}: ${resolved.stdout}${resolved.stderr}`);
  const { code, stdout, stderr } = await board.exec(['curl', '-sS', '-m', '5', `http://${ip}/`]);
  if (code !== 0) throw new Error(`${board.name} does not reach ${name}: ${stderr}`);
  return stdout;
};

it('still does all that while the server is away, and after a power cut of a board', async () => {
  const [first, second] = cluster().boards;
  if (!first || !second) throw new Error('two boards are needed');
  await apply(
    cluster(),
    helloDeployment('there', 1, { nodeName: second.name }),
    aService('there', { selector: { app: 'there' } }),
  );
  await cluster().readyPods('app=there', 1);
  for (const board of cluster().boards) await eventually(() => fromBoard(board, 'there'));

  await cluster().server.stop();
  for (const board of cluster().boards) {
    expect(await fromBoard(board, 'there')).toMatch(/there-/);
    const answers = new Set<string>();
    for (let i = 0; i < 16; i++) answers.add(await fromBoard(board, 'web'));
    expect(answers.size).toBe(2);
  }
  await first.powerCut();
  await first.boot();
  await eventually(() => fromBoard(first, 'there'), { timeoutMs: 60_000 });
  // Its Pods are where the other board knows them to be.
  await eventually(
    async () => {
      const answers = new Set<string>();
      for (let i = 0; i < 16; i++) answers.add(await fromBoard(second, 'web'));
      return answers.size === 2;
    },
    { timeoutMs: 60_000 },
  );

  await cluster().server.start();
  await cluster().nodesReady();
  await eventually(
    async () => {
      const answers = new Set<string>();
      for (let i = 0; i < 16; i++) answers.add(await fromBoard(second, 'web'));
      return answers.size === 2;
    },
    { timeoutMs: 60_000 },
  );
});
