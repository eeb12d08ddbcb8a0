import { componentstatuses } from '#proto/api/core/componentstatuses.ts';
import type { ComponentStatus } from '#proto/schema/generated/core-v1.ts';
import type { VirtualKind } from '#server/apiserver/subresources/virtual-kind.ts';

/**
 * The parts that upstream runs beside the API server. Here they live in its process: that this list is answered
 * says that they run.
 */
const list = (): ComponentStatus[] =>
  ['controller-manager', 'scheduler', 'etcd-0'].map((name) => ({
    kind: 'ComponentStatus',
    apiVersion: 'v1',
    metadata: { name },
    conditions: [{ type: 'Healthy', status: 'True', message: 'ok' }],
  }));

export const componentStatuses: VirtualKind = { resource: componentstatuses, list };
