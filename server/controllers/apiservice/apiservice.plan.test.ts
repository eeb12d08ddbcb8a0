import { describe, expect, it } from 'vitest';
import type { APIService } from '#proto/schema/generated/apiregistration-v1.ts';
import type { Service } from '#proto/schema/generated/core-v1.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import { LOCAL } from '#server/registry/apiregistration/api-service.ts';
import { MANAGED, planRegistration, serviceProblem, withVerdict } from './apiservice.plan.ts';
import { registrationOf } from './registration.plan.ts';

const remote = (port = 443): APIService => ({
  metadata: { name: 'v1.example.com' },
  spec: {
    group: 'example.com',
    version: 'v1',
    groupPriorityMinimum: 1000,
    versionPriority: 15,
    service: { namespace: 'ns', name: 'api', port },
  },
});
const aService = (spec: object = {}): Service => ({
  metadata: { name: 'api' },
  spec: { type: 'ClusterIP', ports: [{ name: 'https', port: 443 }], ...spec },
});
const aSlice = (ready: boolean | undefined, port = 'https'): EndpointSlice => ({
  metadata: { name: 'api-1' },
  addressType: 'IPv4',
  ports: [{ name: port, port: 8443 }],
  endpoints: [{ addresses: ['10.42.0.1'], conditions: ready === undefined ? {} : { ready } }],
});

describe('serviceProblem', () => {
  it.each<[string, Service | undefined, EndpointSlice[], string | undefined, string | undefined]>([
    ['no Service', undefined, [], 'ServiceNotFound', 'service/api in "ns" is not present'],
    [
      'another port',
      aService({ ports: [{ port: 80 }] }),
      [],
      'ServicePortError',
      'service/api in "ns" is not listening on port 443',
    ],
    ['no slices', aService(), [], 'EndpointsNotFound', 'cannot find endpointslices for service/api in "ns"'],
    [
      'none ready',
      aService(),
      [aSlice(false), aSlice(true, 'http')],
      'MissingEndpoints',
      'endpointslices for service/api in "ns" have no addresses with port name "https"',
    ],
    ['one ready', aService(), [aSlice(false), aSlice(undefined)], undefined, undefined],
    ['an external name', aService({ type: 'ExternalName', ports: [] }), [], undefined, undefined],
  ])('%s', (_what, service, slices, reason, message) => {
    const problem = serviceProblem(remote(), service, slices);
    expect([problem?.reason, problem?.message]).toEqual([reason, message]);
  });
});

it('moves the time of a condition with its status alone', () => {
  const first = withVerdict(remote(), { status: 'False', reason: 'A', message: 'a' }, 0);
  const second = withVerdict(first, { status: 'False', reason: 'B', message: 'b' }, 60_000);
  const third = withVerdict(second, LOCAL, 60_000);
  expect([first, second, third].map(({ status }) => status?.conditions?.[0]?.lastTransitionTime)).toEqual([
    '1970-01-01T00:00:00Z',
    '1970-01-01T00:00:00Z',
    '1970-01-01T00:01:00Z',
  ]);
  expect(third.status?.conditions).toHaveLength(1);
});

it('knows what is built in, and what definitions bring', () => {
  expect(registrationOf('', 'v1')).toEqual({
    metadata: { name: 'v1.', labels: { [MANAGED]: 'onstart' } },
    spec: { version: 'v1', groupPriorityMinimum: 18_000, versionPriority: 1 },
  });
  expect(registrationOf('apps', 'v1')?.spec).toMatchObject({
    groupPriorityMinimum: 17_800,
    versionPriority: 15,
  });
  expect(registrationOf('constructor', 'v1')).toMatchObject({
    metadata: { name: 'v1.constructor', labels: { [MANAGED]: 'true' } },
    spec: { groupPriorityMinimum: 1000, versionPriority: 100 },
  });
  expect(registrationOf('apiregistration.k8s.io', 'v1')).toBeUndefined();
});

describe('planRegistration', () => {
  const once = registrationOf('apps', 'v1') as APIService;
  const always = registrationOf('example.com', 'v1') as APIService;
  const other = (service: APIService): APIService => ({
    ...service,
    spec: { ...service.spec, versionPriority: 1 },
  });
  const unmarked = (service: APIService): APIService => ({ ...service, metadata: { name: 'x' } });
  const pointed = (service: APIService): APIService => ({
    ...service,
    spec: { ...service.spec, service: { name: 'mine' } },
  });
  it.each<[string, APIService | undefined, APIService | undefined, boolean, string | undefined]>([
    ['not there, not wanted', undefined, undefined, false, undefined],
    ['built in, not there yet', once, undefined, false, 'create'],
    ['built in, removed', once, undefined, true, undefined],
    ['custom, removed', always, undefined, true, 'create'],
    ['as wanted', always, always, true, undefined],
    ['custom, changed', always, other(always), true, 'update'],
    ['built in, changed before the start', once, other(once), false, 'update'],
    ['built in, changed', once, other(once), true, undefined],
    ['custom, gone', undefined, always, true, 'delete'],
    ['built in, gone since the last start', undefined, once, false, 'delete'],
    ["somebody's own", always, unmarked(other(always)), false, undefined],
    ["somebody's own, not wanted", undefined, unmarked(always), false, undefined],
    ['given to a Service', once, pointed(once), false, undefined],
  ])('%s', (_what, wanted, current, wasSynced, kind) =>
    expect(planRegistration(wanted, current, wasSynced)?.kind).toBe(kind),
  );
});
