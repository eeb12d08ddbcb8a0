import { clusterroles } from '#proto/api/rbac/clusterroles.ts';
import { planAggregation } from '#server/controllers/clusterrole/clusterrole.plan.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';

/** ClusterRoles with an aggregation rule (`admin`, `edit`, `view`) collect the rules of those they select. */
export function createClusterRoleController(context: ControllerContext): Controller {
  const roles = context.informers.for(clusterroles);
  roles.addIndex('aggregated', (role) => (role.aggregationRule ? ['yes'] : []));
  const queue = createQueue(context, 'cluster-role-aggregation', async (name) => {
    const role = roles.get(name);
    if (!role) return;
    const rules = planAggregation(role, roles.list());
    if (rules) await context.client.update(clusterroles, { ...role, rules });
  });
  roles.onChange(() => {
    for (const role of roles.byIndex('aggregated', 'yes')) queue.add(role.metadata.name ?? '');
  });
  return { start: (signal) => queue.start(signal) };
}
