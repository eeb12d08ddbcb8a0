/**
 * A hostile client: requests that are almost right, by the thousand. Whatever comes, the server answers with a code that
 * blames the client, stays up, logs no failure, and gives its memory back.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resources } from '#proto/api/index.ts';
import { seeded } from '#server/controllers/testing/random.ts';
import { goldenObjects } from '#test/support/golden-data.ts';
import { eventually } from '../support/boards/eventually.ts';
import { Api, credentialsOf } from '../support/cluster/api.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';
import { fuzzRequest } from '../support/fuzz/requests.ts';

/** Each case has a seed of its own, this one plus its number, so that one case can be run alone. */
const SEED = 20_261_120;
const CASES = Number(process.env['FUZZ_CASES'] ?? 2_000);
const WORKERS = 4;
/** How far above its start the server's resident memory may settle. */
const GROWTH_BYTES = 48 * 2 ** 20;

const cluster = useCluster({ boards: 0 });
let api: Api;

beforeAll(async () => {
  api = new Api(cluster().url, credentialsOf(cluster().kubeconfig));
  await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'fuzz' } });
});
afterAll(() => api?.close());

const residentBytes = (): number => {
  const pid = cluster().server.pid();
  const line = /VmRSS:\s+([0-9]+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1]) * 1024;
};

/** What the server itself lives by. */
const KEPT = new Set([
  'apiservices',
  'clusterroles',
  'clusterrolebindings',
  'flowschemas',
  'prioritylevelconfigurations',
]);

/** What upstream answers, too: a revision from the future, and a proxy with nothing behind it. */
const isBlameless = (status: number, text: string, path: string): boolean =>
  status < 500 ||
  (status === 504 && text.includes('Too large resource version')) ||
  (status === 503 && path.includes('/proxy'));

it(`answers ${CASES} hostile requests without a failure of its own`, async () => {
  const golden = goldenObjects();
  const pid = cluster().server.pid();
  const before = residentBytes();
  const failures: string[] = [];
  const codes = new Map<number, number>();
  let next = 0;
  const work = async (): Promise<void> => {
    for (let number = next++; number < CASES; number = next++) {
      const { method, path, ...rest } = fuzzRequest(seeded(SEED + number), golden);
      const label = `seed ${SEED + number}: ${method} ${path.slice(0, 200)} (${rest.contentType})`;
      try {
        const { status, text } = await api.send(method, path, {
          contentType: rest.contentType,
          headers: rest.headers,
          ...(rest.body ? { body: rest.body } : {}),
        });
        codes.set(status, (codes.get(status) ?? 0) + 1);
        if (!isBlameless(status, text, path)) failures.push(`${label}: ${status} ${text.slice(0, 300)}`);
      } catch (err) {
        failures.push(`${label}: ${String(err)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  expect(failures.slice(0, 20)).toEqual([]);
  expect(cluster().server.pid()).toBe(pid);
  expect(cluster().server.log()).not.toMatch(/a request failed|unhandled/i);
  // Not everything bounced off the first check.
  expect((codes.get(201) ?? 0) + (codes.get(200) ?? 0)).toBeGreaterThan(CASES / 20);

  await clear();
  // What stays is bounded: code that was compiled meanwhile, and the history that watches resume from.
  await eventually(
    () => {
      expect(residentBytes() - before).toBeLessThan(GROWTH_BYTES);
      return true;
    },
    { timeoutMs: 60_000, intervalMs: 1_000 },
  );
});

/** Deletes what came in, of every kind that can be deleted by the collection. */
async function clear(): Promise<void> {
  for (const resource of resources) {
    if (!resource.verbs.includes('deletecollection') || KEPT.has(resource.plural)) continue;
    const { group, version, plural, namespaced } = resource;
    const prefix = group ? `/apis/${group}/${version}` : `/api/${version}`;
    for (const namespace of namespaced ? ['/namespaces/default', '/namespaces/fuzz'] : [''])
      await api.send('DELETE', `${prefix}${namespace}/${plural}?gracePeriodSeconds=0`);
  }
}
