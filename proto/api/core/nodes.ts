import { AGE, NAME, NONE, orNone, text, UNKNOWN, wide } from '#proto/api/columns.ts';
import { defineResource, statusOf } from '#proto/api/define.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';

const ROLE_PREFIX = 'node-role.kubernetes.io/';

function status(node: Node): string {
  const ready = node.status?.conditions?.find((c) => c.type === 'Ready');
  const word = ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown';
  return node.spec?.unschedulable ? `${word},SchedulingDisabled` : word;
}

/** `node-role.kubernetes.io/<role>` labels and the older `kubernetes.io/role` value, sorted. */
function roles(node: Node): string {
  const found = new Set<string>();
  for (const [key, value] of Object.entries(node.metadata.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length)
      found.add(key.slice(ROLE_PREFIX.length));
    else if (key === 'kubernetes.io/role' && value) found.add(value);
  }
  return orNone([...found].sort());
}

const address = (node: Node, type: string): string =>
  node.status?.addresses?.find((a) => a.type === type)?.address ?? NONE;

export const nodes = defineResource<Node>({
  group: '',
  version: 'v1',
  plural: 'nodes',
  kind: 'Node',
  namespaced: false,
  shortNames: ['no'],
  subresources: [
    { name: 'proxy', kind: 'NodeProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] },
    statusOf('Node'),
  ],
  columns: [
    NAME,
    text('Status', status, 'The status of the node'),
    text('Roles', roles, 'The roles of the node'),
    AGE,
    text(
      'Version',
      (node) => node.status?.nodeInfo?.kubeletVersion ?? '',
      'Kubelet Version reported by the node.',
    ),
    wide('Internal-IP', (node) => address(node, 'InternalIP')),
    wide('External-IP', (node) => address(node, 'ExternalIP')),
    wide('OS-Image', (node) => node.status?.nodeInfo?.osImage || UNKNOWN),
    wide('Kernel-Version', (node) => node.status?.nodeInfo?.kernelVersion || UNKNOWN),
    wide('Container-Runtime', (node) => node.status?.nodeInfo?.containerRuntimeVersion || UNKNOWN),
  ],
  selectableFields: {
    'spec.unschedulable': (node) => String(node.spec?.unschedulable ?? false),
  },
});
