import { afterAll, afterEach, beforeAll } from 'vitest';
import { type Cluster, type ClusterOptions, startCluster } from './cluster.ts';

/**
 * One cluster for all tests of a file: `const cluster = useCluster({ boards: 2 })`, then `cluster().kubectl`. Prints the
 * logs' ends after a test that failed.
 */
export function useCluster(options: ClusterOptions = {}): () => Cluster {
  let cluster: Cluster | undefined;
  beforeAll(async () => {
    cluster = await startCluster(options);
  });
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`${task.name}\n${cluster?.logs() ?? ''}\n`);
  });
  afterAll(async () => {
    await cluster?.stop();
  });
  return () => {
    if (!cluster) throw new Error('the cluster is up only within tests');
    return cluster;
  };
}
