import { resources } from '#proto/api/index.ts';
import { groupResourceOf, type Resource } from '#proto/api/resource.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import type { ConfigMap, Pod } from '#proto/schema/generated/core-v1.ts';
import type { WebhookCaller } from '#server/apiserver/customresources/conversion-webhook.ts';
import { CustomResources } from '#server/apiserver/customresources/custom-resources.ts';
import { type Api, type Call, ResourceIndex } from '#server/apiserver/rest/api.ts';
import { createSchemaCodec } from '#server/apiserver/rest/schema-codec.ts';
import { parseRanges } from '#server/apiserver/services/ip-range.ts';
import { ServiceAllocator } from '#server/apiserver/services/service-allocator.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { createMemoryStore } from '#server/store/open.ts';

/** The handlers over a store in memory, with a clock that stands still and names that count. */
export function testApi(
  strategies: Readonly<Record<string, Strategy>> = {},
  webhooks: WebhookCaller = { call: () => Promise.reject(new Error('no webhooks here')) },
): Api & { readonly clock: FakeClock } {
  const clock = new FakeClock();
  let serial = 0;
  const store = createMemoryStore({ clock });
  const index = new ResourceIndex(resources);
  const custom = new CustomResources({ store, index, webhooks, newUid: () => 'uid', log: silent });
  return {
    store,
    resources: index,
    custom,
    strategyOf: (resource: Resource) => {
      const own = custom.of(resource)?.strategy;
      if (own) return own;
      const { group, resource: plural } = groupResourceOf(resource);
      return strategies[group ? `${plural}.${group}` : plural] ?? {};
    },
    codec: createSchemaCodec(custom),
    admission: [],
    services: new ServiceAllocator(parseRanges('10.43.0.0/16'), () => 0),
    clock,
    log: silent,
    newUid: () => `uid-${++serial}`,
    random: () => 0,
  };
}

export const aCall = (resource: Resource, name = '', over: Partial<Call> = {}): Call => ({
  resource,
  namespace: resource.namespaced ? 'default' : undefined,
  name,
  user: { name: 'tester', groups: ['system:masters'] },
  dryRun: false,
  manager: 'test',
  warn: () => {},
  ...over,
});

export const aConfigMap = (name: string, data: Record<string, string> = {}): ConfigMap => ({
  metadata: { name },
  data,
});

export const aPod = (
  name: string,
  over: { metadata?: object; spec?: object; status?: object } = {},
): Pod => ({
  metadata: { name, ...over.metadata },
  spec: { containers: [{ name: 'c', image: 'i' }], ...over.spec },
  ...(over.status ? { status: over.status } : {}),
});
