import { expect, it } from 'vitest';
import { deployments } from '#proto/api/apps/deployments.ts';
import { namespaces } from '#proto/api/core/namespaces.ts';
import { pods } from '#proto/api/core/pods.ts';
import type { Deployment } from '#proto/schema/generated/apps-v1.ts';
import type { Namespace } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionAttributes } from '#server/apiserver/admission/admission.ts';
import { aPod, aWrite, run } from '#server/apiserver/admission/fixtures.ts';
import { createPodSecurity } from '#server/apiserver/admission/pod-security.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';

const PREFIX = 'pod-security.kubernetes.io/';
const namespace = (labels: Record<string, string>): Namespace => ({
  spec: {},
  metadata: {
    name: 'default',
    labels: Object.fromEntries(Object.entries(labels).map(([key, value]) => [PREFIX + key, value])),
  },
});
const badSpec = { hostPID: true };

async function write(labels: Record<string, string>, attributes: AdmissionAttributes) {
  const { reader, put } = aCluster();
  await put(namespaces, namespace(labels));
  await put(pods, aPod('old', badSpec));
  const warnings: string[] = [];
  const notes: Record<string, string> = {};
  const outcome = await run(createPodSecurity(reader), {
    ...attributes,
    warn: (text) => void warnings.push(text),
    annotate: (key, value) => {
      notes[key.replace(PREFIX, '')] = value;
    },
  }).then(
    () => 'written',
    (err: Error) => err.message,
  );
  return { outcome, warnings, notes };
}

const BAD = 'host namespaces (hostPID=true)';

it('refuses Pods, and notes why', async () => {
  expect(await write({ enforce: 'baseline', audit: 'baseline' }, aWrite(pods, aPod('x', badSpec)))).toEqual({
    outcome: `pods "x" is forbidden: violates PodSecurity "baseline:latest": ${BAD}`,
    warnings: [],
    notes: {
      'enforce-policy': 'baseline:latest',
      'audit-violations': `would violate PodSecurity "baseline:latest": ${BAD}`,
    },
  });
  expect((await write({}, aWrite(pods, aPod('x', badSpec)))).notes).toEqual({
    'enforce-policy': 'privileged:latest',
  });
});

it('warns of Pods and of workloads', async () => {
  const warning = `would violate PodSecurity "baseline:v1.30": ${BAD}`;
  const labels = { warn: 'baseline', 'warn-version': 'v1.30' };
  const pod = await write(labels, aWrite(pods, aPod('x', badSpec)));
  expect(pod).toMatchObject({ outcome: 'written', warnings: [warning] });
  const deployment = {
    metadata: { name: 'x', namespace: 'default' },
    spec: { selector: {}, template: { spec: { containers: [], ...badSpec } } },
  } as Deployment;
  expect(await write(labels, aWrite(deployments, deployment))).toMatchObject({
    outcome: 'written',
    warnings: [warning],
  });
});

it('leaves alone what was judged when it was made', async () => {
  const old = aPod('x', badSpec);
  const labels = { enforce: 'restricted' };
  const update = { operation: 'UPDATE', oldObject: old } as const;
  expect((await write(labels, aWrite(pods, old, update))).outcome).toBe('written');
  expect((await write(labels, aWrite(pods, old, { ...update, subresource: 'status' }))).outcome).toBe(
    'written',
  );
});

it('reads the labels of namespaces, and tells of Pods that are there', async () => {
  const old = namespace({});
  const update = (labels: Record<string, string>) =>
    write({}, aWrite(namespaces, namespace(labels), { operation: 'UPDATE', oldObject: old }));
  expect((await update({ enforce: 'strict' })).outcome).toBe(
    'Namespace "default" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted',
  );
  expect((await update({ enforce: 'baseline' })).warnings).toEqual([
    'existing pods in namespace "default" violate the new PodSecurity enforce level "baseline:latest"',
    'old: host namespaces',
  ]);
});
