import { expect, it } from 'vitest';
import { deployments } from '#proto/api/apps/deployments.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { resourcequotas } from '#proto/api/core/resourcequotas.ts';
import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { exposition } from '#proto/metrics/exposition.ts';
import { stateFamilies } from '#server/metrics/state/state-metrics.ts';

const at = '2026-01-02T03:04:05Z';
const OBJECTS: readonly (readonly [Resource, KubeObject])[] = [
  [
    pods as unknown as Resource,
    {
      metadata: {
        name: 'web-1',
        namespace: 'shop',
        uid: 'u1',
        creationTimestamp: at,
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'r1', controller: true },
        ],
      },
      spec: {
        nodeName: 'board-1',
        containers: [{ name: 'main', resources: { requests: { cpu: '250m', memory: '64Mi' } } }],
      },
      status: {
        phase: 'Running',
        podIP: '10.42.0.5',
        conditions: [{ type: 'Ready', status: 'False' }],
        containerStatuses: [
          {
            name: 'main',
            ready: false,
            restartCount: 3,
            image: 'hello:1',
            imageID: 'sha256:1',
            state: { waiting: { reason: 'CrashLoopBackOff' } },
            lastState: { terminated: { reason: 'OOMKilled', exitCode: 137 } },
          },
        ],
      },
    } as KubeObject,
  ],
  [
    nodes as unknown as Resource,
    {
      metadata: { name: 'board-1', labels: { 'node-role.kubernetes.io/edge': '' } },
      spec: { unschedulable: true, taints: [{ key: 'hot', effect: 'NoSchedule' }] },
      status: {
        conditions: [{ type: 'Ready', status: 'Unknown' }],
        capacity: { cpu: '4', memory: '1Gi', 'coracle.dev/gpio': '2' },
      },
    } as KubeObject,
  ],
  [
    deployments as unknown as Resource,
    {
      metadata: { name: 'web', namespace: 'shop', generation: 2 },
      spec: { replicas: 10, strategy: { rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } } },
      status: { observedGeneration: 1, replicas: 12 },
    } as KubeObject,
  ],
  [
    resourcequotas as unknown as Resource,
    {
      metadata: { name: 'q', namespace: 'shop' },
      status: { hard: { 'requests.cpu': '1500m', pods: '5' }, used: { pods: '1' } },
    } as KubeObject,
  ],
];

const text = exposition(
  stateFamilies(<T extends KubeObject>(resource: Resource<T>) =>
    OBJECTS.filter(([kind]) => kind.plural === resource.plural).map(([, object]) => object as T),
  ),
);

it.each([
  'kube_pod_info{namespace="shop",pod="web-1",uid="u1",host_ip="",pod_ip="10.42.0.5",node="board-1",created_by_kind="ReplicaSet",created_by_name="web",priority_class="",host_network="false"} 1',
  `kube_pod_created{namespace="shop",pod="web-1",uid="u1"} ${Date.parse(at) / 1000}`,
  'kube_pod_status_phase{namespace="shop",pod="web-1",uid="u1",phase="Running"} 1',
  'kube_pod_status_phase{namespace="shop",pod="web-1",uid="u1",phase="Pending"} 0',
  'kube_pod_status_ready{namespace="shop",pod="web-1",uid="u1",condition="true"} 0',
  'kube_pod_container_status_restarts_total{namespace="shop",pod="web-1",uid="u1",container="main"} 3',
  'kube_pod_container_status_waiting_reason{namespace="shop",pod="web-1",uid="u1",container="main",reason="CrashLoopBackOff"} 1',
  'kube_pod_container_status_last_terminated_reason{namespace="shop",pod="web-1",uid="u1",container="main",reason="OOMKilled"} 1',
  'kube_pod_container_resource_requests{namespace="shop",pod="web-1",uid="u1",container="main",node="board-1",resource="cpu",unit="core"} 0.25',
  'kube_pod_container_resource_requests{namespace="shop",pod="web-1",uid="u1",container="main",node="board-1",resource="memory",unit="byte"} 67108864',
  'kube_node_status_condition{node="board-1",condition="Ready",status="unknown"} 1',
  'kube_node_status_capacity{node="board-1",resource="coracle_dev_gpio",unit="integer"} 2',
  'kube_node_spec_unschedulable{node="board-1"} 1',
  'kube_node_spec_taint{node="board-1",key="hot",value="",effect="NoSchedule"} 1',
  'kube_node_role{node="board-1",role="edge"} 1',
  'kube_deployment_metadata_generation{namespace="shop",deployment="web"} 2',
  'kube_deployment_status_observed_generation{namespace="shop",deployment="web"} 1',
  'kube_deployment_spec_strategy_rollingupdate_max_surge{namespace="shop",deployment="web"} 3',
  'kube_deployment_spec_strategy_rollingupdate_max_unavailable{namespace="shop",deployment="web"} 2',
  'kube_resourcequota{namespace="shop",resourcequota="q",resource="requests.cpu",type="hard"} 1.5',
  'kube_resourcequota{namespace="shop",resourcequota="q",resource="pods",type="used"} 1',
])('says %s', (line) => {
  expect(text.split('\n')).toContain(line);
});

it('writes each family once, with its help and type', () => {
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  expect(new Set(names).size).toBe(names.length);
  expect([...text.matchAll(/^# HELP (\S+) .+/gm)].map(([, name]) => name)).toEqual(names);
});
