/** The agent's end-to-end cases of cgroups, on a flashed board. */
import { cgroupCases } from '../support/cgroups/cases.ts';
import { importBusybox } from './busybox.ts';
import type { Images } from './images.ts';
import { expect, type Step, seconds } from './step.ts';
import { clusterOf, patience, type Shared } from './uefi.ts';

export function cgroupStep(images: Images, shared: Shared): Step {
  return {
    name: 'cgroup',
    run: async () => {
      const cluster = clusterOf(shared);
      const agentShell = cluster.agentShell.kept();
      const type = (await agentShell.run('stat -f -c %T /sys/fs/cgroup; uname -r')).trim().split('\n');
      expect(type[0] === 'cgroup2fs', `the guest has ${type[0]}`);
      await importBusybox(images, [agentShell]);
      const lines = [type.join(', Linux ')];
      for (const { name, run } of cgroupCases) {
        const since = performance.now();
        await run({
          node: 'agent',
          patienceMs: patience(images) / 4,
          kubectl: (args, input) => cluster.kubectlWith(args, input),
          sh: (script) => agentShell.run(script),
        });
        lines.push(`${name}: ${seconds(performance.now() - since)}`);
      }
      return lines;
    },
  };
}
