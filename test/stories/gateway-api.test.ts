/**
 * The Gateway API, whose kinds are custom ones with rules of their own: its authors' definitions are installed, their examples
 * are stored, and what they say must be refused is refused. Nothing of ours serves them.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { useCluster } from '../support/cluster/use-cluster.ts';
import { goModule } from '../support/go-program.ts';

const MODULE = 'sigs.k8s.io/gateway-api@v1.3.0';
const cluster = useCluster({ boards: 0 });

it('installs and stores the Gateway API, and refuses what its authors refuse', async () => {
  const folder = await goModule(MODULE);
  const { kubectl } = cluster();
  const definitions = join(folder, 'config/crd/standard');
  const files = readdirSync(definitions).filter((name) => name.startsWith('gateway.'));
  await kubectl.ok(['apply', '--server-side', ...files.flatMap((name) => ['-f', join(definitions, name)])]);
  await kubectl.ok('wait --for=condition=Established crd --all --timeout=20s');

  await kubectl.ok(['apply', '-f', join(folder, 'examples/standard')]);
  const table = await kubectl.ok('get httproutes,gateways');
  expect(table).toMatch(/httproute\.gateway\.networking\.k8s\.io\/http-app-1 +\["foo\.com"\]/);

  const { code, stdout, stderr } = await kubectl.run([
    ...['apply', '--recursive', '-f', join(folder, 'hack/invalid-examples/standard')],
  ]);
  expect(code).not.toBe(0);
  expect(stdout).toBe('');
  expect(stderr).toContain('RequestRedirect filter must not be used together with backendRefs');
});
