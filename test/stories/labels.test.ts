/** Blue-green and canary releases as people do them with plain Kubernetes: two Deployments, one Service, labels. */
import { expect, it } from 'vitest';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import { eventually } from '../support/boards/eventually.ts';
import { apply, helloDeployment, shellPod } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 2 });
const kubectl = (args: string | readonly string[]) => cluster().kubectl.ok(args);

interface Release {
  readonly app: string;
  readonly track: string;
  readonly version: 1 | 2;
  readonly replicas: number;
}

/** One track of an app: its Pods carry both labels, and serve one version. */
function release({ app, track, version, replicas }: Release): object {
  const labels = { app, track };
  const manifest = helloDeployment(`${app}-${track}`, replicas) as {
    spec: { template: { spec: { containers: { image: string }[] } } };
  };
  const [container, ...rest] = manifest.spec.template.spec.containers;
  // Long enough for everybody to hear that it goes, as one does it where no request may be lost.
  const lifecycle = { preStop: { sleep: { seconds: 2 } } };
  const containers = [{ ...container, image: `coracle.local/hello:${version}`, lifecycle }, ...rest];
  const template = { metadata: { labels }, spec: { ...manifest.spec.template.spec, containers } };
  return { ...manifest, spec: { ...manifest.spec, selector: { matchLabels: labels }, template } };
}

const service = (name: string, selector: Record<string, string>): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector, ports: [{ port: 80, targetPort: 8080 }] },
});

/** Asks the Service from within the cluster, over and over, until it is told to stop; a line an answer. */
const client = (name: string, url: string): object =>
  shellPod(
    name,
    `while :; do timeout 10 wget -qO- ${url} || echo failed; echo; sleep 0.1 2>/dev/null || sleep 1; done`,
  );

const answers = async (name: string): Promise<string[]> =>
  (await kubectl(`logs ${name}`)).split('\n').filter((line) => /\S/.test(line));

const addressesOf = async (name: string): Promise<number> => {
  const { items } = await cluster().kubectl.json<{ items: EndpointSlice[] }>(
    `get endpointslices -l kubernetes.io/service-name=${name}`,
  );
  return items.flatMap(({ endpoints = [] }) => endpoints ?? []).filter(({ conditions }) => conditions?.ready)
    .length;
};

/** Everybody who was asked from now on until `count` answers have come. */
async function nextAnswers(name: string, count: number): Promise<string[]> {
  const { length } = await answers(name);
  return eventually(
    async () => {
      const since = (await answers(name)).slice(length);
      return since.length >= count ? since : undefined;
    },
    { timeoutMs: 120_000 },
  );
}

it('switches from blue to green at once, and back, with nobody left unanswered', async () => {
  await apply(
    cluster(),
    release({ app: 'shop', track: 'blue', version: 1, replicas: 2 }),
    service('shop', { app: 'shop', track: 'blue' }),
  );
  await cluster().readyPods('app=shop,track=blue', 2);
  await eventually(async () => expect(await addressesOf('shop')).toBe(2));
  await apply(cluster(), client('customer', 'http://shop/'));
  await cluster().readyPods('app=customer', 1);
  expect((await nextAnswers('customer', 4)).every((line) => line.includes('shop-blue-'))).toBe(true);

  // Green comes up beside it, and nobody is sent there.
  await apply(cluster(), release({ app: 'shop', track: 'green', version: 2, replicas: 2 }));
  await cluster().readyPods('app=shop,track=green', 2);
  expect(await addressesOf('shop')).toBe(2);
  expect((await nextAnswers('customer', 4)).every((line) => line.includes('shop-blue-'))).toBe(true);

  for (const track of ['green', 'blue', 'green']) {
    await kubectl([
      'patch',
      'service',
      'shop',
      '-p',
      JSON.stringify({ spec: { selector: { app: 'shop', track } } }),
    ]);
    await eventually(async () =>
      expect((await nextAnswers('customer', 6)).every((line) => line.includes(`shop-${track}-`))).toBe(true),
    );
  }
  await kubectl('scale deployment/shop-blue --replicas=0');
  await cluster().readyPods('app=shop', 2);
  expect((await nextAnswers('customer', 4)).every((line) => line.includes('shop-green-'))).toBe(true);
  expect((await answers('customer')).filter((line) => line.includes('failed'))).toEqual([]);
});

it('lets a canary have its share, then rolls it out to all', async () => {
  await apply(
    cluster(),
    release({ app: 'api', track: 'stable', version: 1, replicas: 3 }),
    release({ app: 'api', track: 'canary', version: 2, replicas: 1 }),
    service('api', { app: 'api' }),
  );
  await cluster().readyPods('app=api', 4);
  await eventually(async () => expect(await addressesOf('api')).toBe(4));
  await apply(cluster(), client('user', 'http://api/'));
  await cluster().readyPods('app=user', 1);
  // One Pod of four: both tracks answer, the stable one more often. Who is asked is left to chance: of so many not once
  // in a million rounds half.
  const shares = await nextAnswers('user', 80);
  const canary = shares.filter((line) => line.includes('api-canary-')).length;
  expect(canary).toBeGreaterThan(0);
  expect(canary).toBeLessThan(shares.length / 2);

  // It is well: the others get its version, and it goes.
  await kubectl('set image deployment/api-stable hello=coracle.local/hello:2');
  await kubectl('rollout status deployment/api-stable --timeout=90s');
  await kubectl('delete deployment api-canary');
  await cluster().readyPods('app=api', 3);
  await eventually(async () =>
    expect((await nextAnswers('user', 6)).every((line) => line.includes('api-stable-'))).toBe(true),
  );
  const images = await kubectl('get pods -l app=api -o jsonpath={.items[*].spec.containers[0].image}');
  expect(images.split(' ')).toEqual(Array(3).fill('coracle.local/hello:2'));
  expect((await answers('user')).filter((line) => line.includes('failed'))).toEqual([]);
});
