/** Who may do what: certificates for people, security levels of namespaces, roles, the audit log. With the real kubectl. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createCsr } from '#proto/pki/csr.ts';
import { generateKey, keyToPem } from '#proto/pki/key.ts';
import { toPem } from '#proto/pki/pem.ts';
import { eventually } from '../support/boards/eventually.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const directory = mkdtempSync(join(tmpdir(), 'coracle-who-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const policyFile = join(directory, 'policy.yaml');
const auditLog = join(directory, 'audit.log');
writeFileSync(
  policyFile,
  JSON.stringify({
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [
      {
        level: 'RequestResponse',
        users: ['jane'],
        resources: [{ group: '', resources: ['configmaps', 'pods'] }],
      },
      { level: 'None' },
    ],
  }),
);

const cluster = useCluster({
  boards: 0,
  serverFlags: ['--audit-policy-file', policyFile, '--audit-log-path', auditLog],
});
const kubectl = (args: string | readonly string[], input?: string) =>
  cluster().kubectl.ok(args, input === undefined ? {} : { input });

/** A key of jane's, and the kubeconfig that she makes of what was signed. */
const jane = join(directory, 'jane.yaml');
const key = generateKey();

describe('a person with a certificate', () => {
  it('asks for one, is approved, and logs in with it', async () => {
    const request = toPem(
      'CERTIFICATE REQUEST',
      createCsr(key, { commonName: 'jane', organizations: ['dev'] }),
    );
    const csr = {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: 'jane' },
      spec: {
        request: Buffer.from(request).toString('base64'),
        signerName: 'kubernetes.io/kube-apiserver-client',
        usages: ['client auth'],
        expirationSeconds: 3600,
      },
    };
    await kubectl('create -f -', JSON.stringify(csr));
    expect(await kubectl('get csr jane')).toMatch(/kube-apiserver-client +kubernetes-admin +60m +Pending/);
    await kubectl('certificate approve jane');
    await eventually(async () => expect(await kubectl('get csr jane')).toMatch(/Approved,Issued/));
    const certificate = await kubectl('get csr jane -o jsonpath={.status.certificate}');
    const config = JSON.parse(await kubectl('config view --raw -o json'));
    config.users = [
      {
        name: config.users[0].name,
        user: {
          'client-certificate-data': certificate,
          'client-key-data': Buffer.from(keyToPem(key)).toString('base64'),
        },
      },
    ];
    writeFileSync(jane, JSON.stringify(config));
    const who = await kubectl(`--kubeconfig ${jane} auth whoami`);
    expect(who).toMatch(/Username +jane\n/);
    expect(who).toMatch(/Groups +\[dev system:authenticated\]/);
  });

  it('may do what roles say, and gives away no more', async () => {
    const asJane = `--kubeconfig ${jane}`;
    const refused = await cluster().kubectl.run(`${asJane} get pods`);
    expect(refused.stderr).toBe(
      'Error from server (Forbidden): pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"\n',
    );
    await kubectl('create rolebinding jane --clusterrole=edit --group=dev');
    expect(await kubectl(`${asJane} auth can-i create deployments.apps`)).toBe('yes\n');
    expect(await kubectl(`${asJane} auth can-i --list`)).toMatch(/configmaps +\[\] +\[\] +\[.*create.*\]/);
    await kubectl('create role maker --verb=create --resource=roles');
    await kubectl('create rolebinding maker --role=maker --user=jane');
    const grabbed = await cluster().kubectl.run(`${asJane} create role grab --verb=get --resource=nodes`);
    expect(grabbed.stderr).toContain(
      'user "jane" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["nodes"], Verbs:["get"]}',
    );
  });
});

it('a namespace refuses Pods below its security level, and warns of workloads', async () => {
  await kubectl('create namespace strict');
  await kubectl('label namespace strict pod-security.kubernetes.io/enforce=restricted');
  const pod = await cluster().kubectl.run('-n strict run x --image=x');
  expect(pod.stderr).toMatch(
    /pods "x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false \(container "x" must set securityContext.allowPrivilegeEscalation=false\)/,
  );
  const deployment = await cluster().kubectl.run('-n strict create deployment x --image=x');
  expect(deployment.stderr).toContain('Warning: would violate PodSecurity "restricted:latest"');
  expect(deployment.stdout).toBe('deployment.apps/x created\n');
});

it('the audit log has what the policy wants, and nothing else', async () => {
  await kubectl(`--kubeconfig ${jane} create configmap noted --from-literal=a=b`);
  await kubectl('create configmap unnoted');
  const events = await eventually(() => {
    const lines = readFileSync(auditLog, 'utf8').trim().split('\n');
    const all = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(all.some(({ verb }) => verb === 'create')).toBe(true);
    return all;
  });
  expect(events.every(({ user }) => (user as { username: string }).username === 'jane')).toBe(true);
  expect(events.find(({ verb }) => verb === 'create')).toMatchObject({
    level: 'RequestResponse',
    objectRef: { resource: 'configmaps', namespace: 'default', name: 'noted' },
    requestObject: { data: { a: 'b' } },
    responseStatus: { code: 201 },
    annotations: { 'authorization.k8s.io/decision': 'allow' },
  });
});
