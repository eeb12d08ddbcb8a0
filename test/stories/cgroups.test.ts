/** What Pods have of a board: limits, weights, what they use, and who ends when memory is short. */
import { it } from 'vitest';
import { cgroupCases } from '../support/cgroups/cases.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 1, memoryMiB: 640, serverFlags: ['--metrics-resolution', '3'] });

it.each(cgroupCases)('$name', ({ run }) =>
  run({
    node: 'board-1',
    patienceMs: 60_000,
    kubectl: (args, input) => cluster().kubectl.ok(args, input === undefined ? {} : { input }),
    sh: async (script) => (await cluster().board('board-1').exec(script)).stdout,
  }),
);
