/** Rules for a cluster, written in CEL: what may not be made, what is added to it, and that they hold at once. */
import { expect, it } from 'vitest';
import { eventually } from '../support/boards/eventually.ts';
import { apply, helloDeployment } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 1 });
const kubectl = () => cluster().kubectl;

const matching = (apiGroup: string, resource: string, operations = ['CREATE', 'UPDATE']) => ({
  resourceRules: [{ apiGroups: [apiGroup], apiVersions: ['v1'], resources: [resource], operations }],
});

/** A policy and what puts it in force. */
const policy = (kind: 'Validating' | 'Mutating', name: string, spec: object, binding: object = {}) =>
  [
    { kind: `${kind}AdmissionPolicy`, metadata: { name }, spec },
    { kind: `${kind}AdmissionPolicyBinding`, metadata: { name }, spec: { policyName: name, ...binding } },
  ].map((manifest) => ({ apiVersion: 'admissionregistration.k8s.io/v1', ...manifest }));

const containers = 'object.spec.template.spec.containers';

it('refuses images without a fixed tag, and says which', async () => {
  await apply(
    cluster(),
    ...policy(
      'Validating',
      'fixed-tags',
      {
        matchConstraints: matching('apps', 'deployments'),
        variables: [
          { name: 'loose', expression: `${containers}.filter(c, !c.image.matches(':[^/]*[0-9][^/]*$'))` },
        ],
        validations: [
          {
            expression: 'variables.loose.size() == 0',
            messageExpression: "'no fixed tag: ' + variables.loose.map(c, c.image).join(', ')",
          },
        ],
      },
      { validationActions: ['Deny'] },
    ),
  );
  const refused = await kubectl().run('create deployment loose --image=coracle.local/hello:latest');
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain(
    `deployments.apps "loose" is forbidden: ValidatingAdmissionPolicy 'fixed-tags' with binding 'fixed-tags' denied request: no fixed tag: coracle.local/hello:latest`,
  );
  await apply(cluster(), helloDeployment('web', 1));
  const changed = await kubectl().run('set image deployment/web hello=coracle.local/hello');
  expect(changed.stderr).toContain('denied request: no fixed tag: coracle.local/hello');
});

it('labels the Pods that controllers make', async () => {
  await apply(
    cluster(),
    ...policy('Mutating', 'label', {
      matchConstraints: matching('', 'pods', ['CREATE']),
      failurePolicy: 'Fail',
      reinvocationPolicy: 'Never',
      mutations: [
        {
          patchType: 'ApplyConfiguration',
          applyConfiguration: {
            expression: "Object{metadata: Object.metadata{labels: {'boat': request.namespace}}}",
          },
        },
        {
          patchType: 'JSONPatch',
          jsonPatch: {
            expression: `[JSONPatch{
              op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('example.org/owner'),
              value: object.metadata.ownerReferences[0].kind
            }]`,
          },
        },
      ],
    }),
  );
  await apply(cluster(), helloDeployment('labelled', 1));
  const [pod] = await cluster().readyPods('app=labelled', 1);
  expect(pod?.metadata.labels).toMatchObject({ boat: 'default', 'example.org/owner': 'ReplicaSet' });
  await kubectl().ok('delete mutatingadmissionpolicy/label mutatingadmissionpolicybinding/label');
});

it('takes its limits from a ConfigMap, and only warns where it is told to', async () => {
  const limits = (most: number) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'limits' },
    data: { replicas: `${most}` },
  });
  await apply(
    cluster(),
    limits(1),
    ...policy(
      'Validating',
      'limit',
      {
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        matchConstraints: matching('apps', 'deployments'),
        validations: [
          {
            expression: 'object.spec.replicas <= int(params.data.replicas)',
            messageExpression: "'at most ' + params.data.replicas + ' replicas'",
          },
        ],
      },
      {
        paramRef: { name: 'limits', namespace: 'default', parameterNotFoundAction: 'Deny' },
        validationActions: ['Warn'],
      },
    ),
  );
  const silent = await kubectl().run('scale deployment web --replicas=1');
  expect(silent.stderr).toBe('');
  const image = '--image=coracle.local/hello:1';
  const two = await kubectl().run(`create deployment two --replicas=2 ${image}`);
  expect(two.stderr).toContain(
    "Warning: Validation failed for ValidatingAdmissionPolicy 'limit' with binding 'limit': at most 1 replicas",
  );
  expect(two.code).toBe(0);
  await apply(cluster(), limits(2));
  expect((await kubectl().run(`create deployment also-two --replicas=2 ${image}`)).stderr).toBe('');
});

it('says of a policy what the types of its objects say', async () => {
  await apply(
    cluster(),
    ...policy('Validating', 'wrong', {
      matchConstraints: matching('apps', 'deployments'),
      validations: [{ expression: 'object.spec.replica > 1' }],
    }).slice(0, 1),
  );
  const described = await eventually(async () => {
    const text = await kubectl().ok('describe validatingadmissionpolicy wrong');
    return text.includes('Type Checking') ? text : undefined;
  });
  expect(described).toContain("apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'replica'");
  await kubectl().ok('delete validatingadmissionpolicy wrong');
});
