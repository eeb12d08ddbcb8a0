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

export const SPECIMENS: readonly Specimen[] = [
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
