/** Objects that the server takes as they are, one a kind: where a mutation has the longest way in front of it. */
interface Specimen {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

const labels = { app: 'fuzz' };
const selector = { matchLabels: labels };
const podSpec = {
  containers: [
    {
      name: 'main',
      image: 'busybox:1',
      ports: [{ containerPort: 80, name: 'http' }],
      env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
      resources: { requests: { cpu: '10m', memory: '8Mi' }, limits: { memory: '1Gi' } },
      livenessProbe: { httpGet: { path: '/', port: 'http' } },
      volumeMounts: [{ name: 'config', mountPath: '/config' }],
    },
  ],
  initContainers: [{ name: 'first', image: 'busybox:1', restartPolicy: 'Always' }],
  volumes: [{ name: 'config', configMap: { name: 'a', items: [{ key: 'k', path: 'p' }] } }],
  tolerations: [{ key: 'k', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }],
  nodeSelector: { never: 'there' },
};
const template = { metadata: { labels }, spec: podSpec };
const jobSpec = { template: { spec: { ...podSpec, initContainers: [], restartPolicy: 'Never' } } };

const one = (apiVersion: string, kind: string, rest: object = {}): Specimen => ({
  apiVersion,
  kind,
  metadata: { name: 'a', labels, annotations: { note: 'x' } },
  ...rest,
});

/** A custom kind with all that its definition can say; the server learns it from {@link SPECIMENS}. */
export const CUSTOM = { group: 'fuzz.example.com', version: 'v1', plural: 'boats', kind: 'Boat' } as const;

const boatSchema = {
  type: 'object',
  required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      properties: {
        seats: { type: 'integer', minimum: 1, maximum: 100, default: 2 },
        name: { type: 'string', pattern: '^[a-z]+$', maxLength: 20 },
        crew: {
          type: 'array',
          maxItems: 10,
          items: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string' }, age: { type: 'integer', nullable: true } },
          },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
        },
        length: { 'x-kubernetes-int-or-string': true },
        cargo: { type: 'object', additionalProperties: { type: 'string' } },
        rest: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
      'x-kubernetes-validations': [
        {
          rule: 'self.crew.all(c, c.age < 100) || self.seats > 5',
          messageExpression: "'too old: ' + self.name",
        },
        { rule: 'self.seats >= oldSelf.seats', fieldPath: '.seats', reason: 'FieldValueForbidden' },
      ],
    },
    status: { type: 'object', properties: { seats: { type: 'integer' }, state: { type: 'string' } } },
  },
};

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${CUSTOM.plural}.${CUSTOM.group}` },
  spec: {
    group: CUSTOM.group,
    scope: 'Namespaced',
    names: { kind: CUSTOM.kind, plural: CUSTOM.plural, shortNames: ['bt'], categories: ['all'] },
    versions: [
      {
        name: CUSTOM.version,
        served: true,
        storage: true,
        schema: { openAPIV3Schema: boatSchema },
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.seats', statusReplicasPath: '.status.seats' },
        },
        selectableFields: [{ jsonPath: '.spec.name' }],
        additionalPrinterColumns: [{ name: 'Seats', type: 'integer', jsonPath: '.spec.seats' }],
      },
    ],
  },
};

const matchConfigMaps = {
  resourceRules: [
    { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] },
  ],
};

export const SPECIMENS: readonly Specimen[] = [
  definition,
  one(`${CUSTOM.group}/${CUSTOM.version}`, CUSTOM.kind, {
    spec: { seats: 3, name: 'curragh', crew: [{ name: 'x', age: 30 }], length: '3m', rest: { any: [1] } },
  }),
  one('admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicy', {
    spec: {
      matchConstraints: matchConfigMaps,
      variables: [{ name: 'keys', expression: "object.?data.orValue({}).map(k, k + 'x')" }],
      validations: [
        {
          expression: "variables.keys.all(k, k != 'forbidden')",
          messageExpression: 'string(size(object.data))',
        },
      ],
      matchConditions: [{ name: 'mine', expression: "request.userInfo.username != 'nobody'" }],
      auditAnnotations: [{ key: 'who', valueExpression: 'request.name' }],
    },
  }),
  one('admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicyBinding', {
    spec: { policyName: 'a', validationActions: ['Warn'] },
  }),
  one('admissionregistration.k8s.io/v1', 'MutatingAdmissionPolicy', {
    spec: {
      matchConstraints: matchConfigMaps,
      reinvocationPolicy: 'Never',
      mutations: [
        {
          patchType: 'ApplyConfiguration',
          applyConfiguration: { expression: "Object{metadata: Object.metadata{labels: {'by': 'policy'}}}" },
        },
        {
          patchType: 'JSONPatch',
          jsonPatch: {
            expression:
              "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b'), value: 'c'}]",
          },
        },
      ],
    },
  }),
  one('admissionregistration.k8s.io/v1', 'MutatingAdmissionPolicyBinding', { spec: { policyName: 'a' } }),
  one('apiregistration.k8s.io/v1', 'APIService', {
    metadata: { name: 'v1.away.example.com' },
    spec: {
      group: 'away.example.com',
      version: 'v1',
      groupPriorityMinimum: 100,
      versionPriority: 10,
      service: { namespace: 'default', name: 'a', port: 80 },
    },
  }),
  one('v1', 'ConfigMap', { data: { k: 'v' }, binaryData: { b: 'AAEC' } }),
  one('v1', 'Secret', { type: 'Opaque', data: { k: 'dg==' }, stringData: { s: 'text' } }),
  one('v1', 'Pod', { spec: podSpec }),
  one('v1', 'Service', {
    spec: { selector: labels, ports: [{ port: 80, name: 'http', targetPort: 'http' }] },
  }),
  one('v1', 'Service', { spec: { type: 'NodePort', ports: [{ port: 81, protocol: 'UDP' }] } }),
  one('v1', 'Namespace'),
  one('v1', 'Node', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } }),
  one('v1', 'ServiceAccount', { secrets: [{ name: 'a' }] }),
  one('v1', 'Endpoints', { subsets: [{ addresses: [{ ip: '10.1.2.3' }], ports: [{ port: 1 }] }] }),
  one('v1', 'LimitRange', { spec: { limits: [{ type: 'Container', default: { cpu: '1' } }] } }),
  one('v1', 'ResourceQuota', { spec: { hard: { pods: '500', 'count/secrets': '900' } } }),
  one('v1', 'PersistentVolumeClaim', {
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  }),
  one('v1', 'PersistentVolume', {
    spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/x' } },
  }),
  one('v1', 'ReplicationController', { spec: { replicas: 1, selector: labels, template } }),
  one('v1', 'Event', { involvedObject: { namespace: 'default' }, reason: 'R', type: 'Normal' }),
  one('v1', 'PodTemplate', { template }),
  one('apps/v1', 'Deployment', { spec: { replicas: 2, selector, template } }),
  one('apps/v1', 'ReplicaSet', { spec: { replicas: 2, selector, template } }),
  one('apps/v1', 'DaemonSet', { spec: { selector, template } }),
  one('apps/v1', 'StatefulSet', { spec: { serviceName: 'a', selector, template } }),
  one('apps/v1', 'ControllerRevision', { revision: 1, data: { any: { thing: 1 } } }),
  one('batch/v1', 'Job', { spec: jobSpec }),
  one('batch/v1', 'CronJob', { spec: { schedule: '*/5 * * * *', jobTemplate: { spec: jobSpec } } }),
  one('autoscaling/v2', 'HorizontalPodAutoscaler', {
    spec: { maxReplicas: 2, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'a' } },
  }),
  one('policy/v1', 'PodDisruptionBudget', { spec: { minAvailable: '50%', selector } }),
  one('networking.k8s.io/v1', 'Ingress', {
    spec: { defaultBackend: { service: { name: 'a', port: { number: 80 } } } },
  }),
  one('networking.k8s.io/v1', 'NetworkPolicy', {
    spec: { podSelector: selector, ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8' } }] }] },
  }),
  one('rbac.authorization.k8s.io/v1', 'Role', {
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
  }),
  one('rbac.authorization.k8s.io/v1', 'ClusterRole', {
    aggregationRule: { clusterRoleSelectors: [selector] },
    rules: [],
  }),
  one('rbac.authorization.k8s.io/v1', 'RoleBinding', {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'a' },
    subjects: [{ kind: 'User', name: 'u', apiGroup: 'rbac.authorization.k8s.io' }],
  }),
  one('coordination.k8s.io/v1', 'Lease', {
    spec: { holderIdentity: 'x', renewTime: '2026-01-01T00:00:00.000000Z' },
  }),
  one('discovery.k8s.io/v1', 'EndpointSlice', {
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.1.2.3'] }],
    ports: [{ port: 80, name: 'http' }],
  }),
  one('scheduling.k8s.io/v1', 'PriorityClass', { value: 7 }),
  one('storage.k8s.io/v1', 'StorageClass', { provisioner: 'x.example' }),
  one('certificates.k8s.io/v1', 'CertificateSigningRequest', {
    spec: { request: 'AAAA', signerName: 'x.example/y', usages: ['client auth'] },
  }),
  one('authorization.k8s.io/v1', 'SelfSubjectAccessReview', {
    spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
  }),
  one('authentication.k8s.io/v1', 'TokenReview', { spec: { token: 'a.b.c' } }),
  one('v1', 'Binding', { target: { kind: 'Node', name: 'n' } }),
  one('policy/v1', 'Eviction', { deleteOptions: { gracePeriodSeconds: 1 } }),
  one('autoscaling/v1', 'Scale', { spec: { replicas: 3 } }),
  one('authentication.k8s.io/v1', 'TokenRequest', { spec: { audiences: ['x'], expirationSeconds: 700 } }),
];
