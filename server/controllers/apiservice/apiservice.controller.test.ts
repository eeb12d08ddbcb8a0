import { afterEach, expect, it } from 'vitest';
import { apiservices } from '#proto/api/apiregistration/apiservices.ts';
import { deployments } from '#proto/api/apps/deployments.ts';
import { services } from '#proto/api/core/services.ts';
import { endpointslices } from '#proto/api/discovery/endpointslices.ts';
import type { Resource } from '#proto/api/resource.ts';
import type { APIService } from '#proto/schema/generated/apiregistration-v1.ts';
import type { Service } from '#proto/schema/generated/core-v1.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import { type Harness, startHarness } from '#server/controllers/testing/harness.ts';
import { createApiServiceController } from './apiservice.controller.ts';

let harness: Harness | undefined;
afterEach(() => harness?.stop());

const custom: Resource = { ...deployments, group: 'example.com', version: 'v1' };

/** A controller over kinds that come and go, and servers that answer or not. */
async function start() {
  const listeners = new Set<() => void>();
  const state = {
    all: [deployments] as readonly Resource[],
    answer: undefined as string | undefined,
    checks: 0,
  };
  const kinds = {
    get all() {
      return state.all;
    },
    onChange: (listener: () => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const check = async (): Promise<void> => {
    state.checks++;
    if (state.answer !== undefined) throw new Error(state.answer);
  };
  const running = await startHarness([(context) => createApiServiceController(context, kinds, check)]);
  harness = running;
  await running.settle();
  const serve = async (...all: Resource[]): Promise<void> => {
    state.all = all;
    for (const listener of listeners) listener();
    await running.settle();
  };
  const said = async (name: string): Promise<string | undefined> => {
    const { status } = await running.client.get(apiservices, { name });
    const available = status?.conditions?.find(({ type }) => type === 'Available');
    return available && `${available.status} ${available.reason}: ${available.message}`;
  };
  return { ...running, state, serve, said };
}

const LOCAL = 'True Local: Local APIServices are always available';

it('registers what is served here, and takes back what is no more', async () => {
  const { client, settle, serve, said } = await start();
  expect(await said('v1.apps')).toBe(LOCAL);
  await serve(deployments, custom);
  expect(await said('v1.example.com')).toBe(LOCAL);
  await client.delete(apiservices, { name: 'v1.example.com' });
  await client.delete(apiservices, { name: 'v1.apps' });
  await settle();
  expect(await said('v1.example.com')).toBe(LOCAL);
  await expect(said('v1.apps')).rejects.toMatchObject({ reason: 'NotFound' });
  await serve(deployments);
  await expect(said('v1.example.com')).rejects.toMatchObject({ reason: 'NotFound' });
});

it('says of other servers whether they answer, as their Services and endpoints come and go', async () => {
  const { client, clock, settle, state, said } = await start();
  const service = { namespace: 'ns', name: 'api', port: 443 };
  await client.create<APIService>(apiservices, {
    metadata: { name: 'v1.example.com' },
    spec: { group: 'example.com', version: 'v1', groupPriorityMinimum: 1, versionPriority: 1, service },
  });
  const name = 'v1.example.com';
  await settle();
  expect(await said(name)).toBe('False ServiceNotFound: service/api in "ns" is not present');
  await client.create<Service>(services, {
    metadata: { name: 'api', namespace: 'ns' },
    spec: { type: 'ClusterIP', ports: [{ port: 443 }] },
  });
  await settle();
  expect(await said(name)).toMatch(/^False EndpointsNotFound/);
  expect(state.checks).toBe(0);
  state.answer = 'no answer';
  await client.create<EndpointSlice>(endpointslices, {
    metadata: { name: 'api-1', namespace: 'ns', labels: { 'kubernetes.io/service-name': 'api' } },
    addressType: 'IPv4',
    ports: [{ port: 8443 }],
    endpoints: [{ addresses: ['10.42.0.1'] }],
  });
  await settle();
  expect(await said(name)).toBe('False FailedDiscoveryCheck: no answer');
  state.answer = undefined;
  await clock.advance(10_000);
  await settle();
  expect(await said(name)).toBe('True Passed: all checks passed');
  const { checks } = state;
  state.answer = 'it broke';
  await clock.advance(50_000);
  await settle();
  expect(state.checks).toBe(checks);
  await clock.advance(20_000);
  await settle();
  expect(await said(name)).toBe('False FailedDiscoveryCheck: it broke');
});
