import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { flowschemas } from '#proto/api/flowcontrol/flowschemas.ts';
import { prioritylevelconfigurations } from '#proto/api/flowcontrol/prioritylevelconfigurations.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import type { PriorityLevelConfiguration } from '#proto/schema/generated/flowcontrol-v1.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';
import { FlowControl, type Ticket } from '#server/apiserver/flowcontrol/flow-control.ts';
import { requestInfoOf } from '#server/apiserver/http/request-info.ts';
import { defaultFlowSchemas, defaultPriorityLevels } from '#server/registry/flowcontrol/default-objects.ts';

const SEATS = 96;
const person = (name: string): UserInfo => ({ name, groups: ['dev', 'system:authenticated'] });
const pods = requestInfoOf('GET', '/api/v1/namespaces/shop/pods/x', new URLSearchParams());

let cluster: ReturnType<typeof aCluster>;
let clock: FakeClock;
let control: FlowControl;

beforeEach(async () => {
  cluster = aCluster();
  clock = new FakeClock();
  for (const level of defaultPriorityLevels()) await cluster.put(prioritylevelconfigurations, withUid(level));
  for (const schema of defaultFlowSchemas()) await cluster.put(flowschemas, withUid(schema));
  control = new FlowControl({ reader: cluster.reader, clock, seats: SEATS });
});

const withUid = <T extends { metadata: object & { name?: string | undefined } }>(object: T): T => ({
  ...object,
  metadata: { ...object.metadata, uid: `uid-${object.metadata.name}` },
});

/** What became of a request, as soon as something did. */
function ask(user: UserInfo, info = pods, seats = 1) {
  const state: { ticket?: Ticket } = {};
  void Promise.resolve(control.enter(info, user, seats)).then((ticket) => {
    state.ticket = ticket;
  });
  return state;
}
const levelNamed = (name: string) => control.use().find((level) => level.name === name);

describe('classification', () => {
  const path = requestInfoOf('GET', '/version', new URLSearchParams());
  const lease = requestInfoOf(
    'PUT',
    '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x',
    new URLSearchParams(),
  );
  it.each<[string, UserInfo, typeof pods, string]>([
    ['the administrator', { name: 'root', groups: ['system:masters'] }, pods, 'exempt'],
    ['somebody', person('jane'), pods, 'global-default'],
    ['somebody looking at the version', person('jane'), path, 'global-default'],
    ['a probe', person('jane'), requestInfoOf('GET', '/livez/ping', new URLSearchParams()), 'probes'],
    ['a node', { name: 'system:node:pi', groups: ['system:nodes'] }, pods, 'system-nodes'],
    ['a heartbeat', { name: 'system:node:pi', groups: ['system:nodes'] }, lease, 'system-node-high'],
    [
      'a Pod',
      { name: 'system:serviceaccount:shop:web', groups: ['system:serviceaccounts'] },
      pods,
      'service-accounts',
    ],
    [
      'a system Pod',
      { name: 'system:serviceaccount:kube-system:dns', groups: ['system:serviceaccounts'] },
      pods,
      'kube-system-service-accounts',
    ],
    [
      'its leader election',
      { name: 'system:serviceaccount:kube-system:dns', groups: [] },
      lease,
      'system-leader-election',
    ],
    ['nobody that a schema knows', { name: 'x', groups: [] }, pods, 'catch-all'],
  ])('%s', async (_, user, info, schema) => {
    const ticket = await control.enter(info, user, 1);
    expect(ticket.headers['x-kubernetes-pf-flowschema-uid']).toBe(`uid-${schema}`);
    ticket.leave();
  });

  it('has the mandatory schemas before the store does', async () => {
    control = new FlowControl({ reader: aCluster().reader, clock, seats: SEATS });
    expect((await control.enter(pods, person('jane'), 1)).isAdmitted).toBe(true);
    expect((await control.enter(pods, { name: 'root', groups: ['system:masters'] }, 1)).isAdmitted).toBe(
      true,
    );
  });
});

describe('a loud client', () => {
  it('does not starve a quiet one of its level', async () => {
    const loud = Array.from({ length: 250 }, () => ask(person('loud')));
    await turn();
    const served: string[] = [];
    const quiet = ask(person('quiet'));
    await turn();
    expect(quiet.ticket).toBeUndefined();
    // As requests of the loud one end, the quiet one is let in after a few.
    for (const running of loud.filter(({ ticket }) => ticket?.isAdmitted)) {
      if (quiet.ticket) break;
      running.ticket?.leave();
      await turn();
      served.push('loud');
    }
    expect(quiet.ticket).toMatchObject({ isAdmitted: true });
    expect(served.length).toBeLessThanOrEqual(7);
  });

  it('does not take what other levels keep for themselves', async () => {
    for (let i = 0; i < 300; i++) ask(person('loud'));
    await turn();
    const heartbeats = requestInfoOf('PUT', '/api/v1/nodes/pi/status', new URLSearchParams());
    const node = { name: 'system:node:pi', groups: ['system:nodes'] };
    const kept = Array.from({ length: 12 }, () => ask(node, heartbeats));
    await turn();
    expect(kept.every(({ ticket }) => ticket?.isAdmitted)).toBe(true);
    const used = control.use().reduce((sum, level) => sum + level.used, 0);
    expect(used).toBeLessThanOrEqual(SEATS);
    expect(levelNamed('global-default')?.used).toBeGreaterThan(levelNamed('global-default')?.nominal ?? 0);
  });

  it('is refused when its queues are full, and when it has waited too long', async () => {
    const all = Array.from({ length: 600 }, () => ask(person('loud')));
    await turn();
    const refused = all.filter(({ ticket }) => ticket && !ticket.isAdmitted).length;
    // Six queues of 50.
    expect(levelNamed('global-default')?.waiting).toBe(300);
    expect(refused).toBe(600 - 300 - (levelNamed('global-default')?.used ?? 0));
    await clock.advance(15_000);
    await turn();
    expect(levelNamed('global-default')?.waiting).toBe(0);
    expect(all.filter(({ ticket }) => ticket === undefined)).toEqual([]);
  });

  it('frees its place when it goes', async () => {
    const running = Array.from({ length: 100 }, () => ask(person('loud'))).filter(Boolean);
    await turn();
    let gone: () => void = () => {};
    let forgotten = 0;
    const waiting = control.enter(pods, person('leaves'), 1, (listener) => {
      gone = listener;
      return () => void forgotten++;
    });
    const before = levelNamed('global-default')?.waiting ?? 0;
    gone();
    expect(await waiting).toMatchObject({ isAdmitted: false });
    expect(levelNamed('global-default')?.waiting).toBe(before - 1);
    expect(forgotten).toBe(1);
    for (const { ticket } of running) ticket?.leave();
    for (let i = 0; i < 5; i++) await turn();
    for (const { ticket } of running) ticket?.leave();
    await turn();
    expect(control.use().every(({ used, waiting: left }) => used === 0 && left === 0)).toBe(true);
  });
});

it('limits how wide a request is, and rejects where a level has no queues', async () => {
  const wide = ask(person('jane'), pods, 10);
  await turn();
  expect(levelNamed('global-default')?.used).toBe(2);
  wide.ticket?.leave();
  const nobody = { name: 'x', groups: [] };
  const first = Array.from({ length: 60 }, () => ask(nobody));
  await turn();
  expect(first.some(({ ticket }) => ticket?.isAdmitted === false)).toBe(true);
  expect(first.every(({ ticket }) => ticket)).toBe(true);
});

it('follows its objects', async () => {
  const level = defaultPriorityLevels().find(({ metadata }) => metadata.name === 'global-default');
  const running = Array.from({ length: 200 }, () => ask(person('jane')));
  await turn();
  expect(levelNamed('global-default')?.waiting).toBeGreaterThan(0);
  const limited = { ...level?.spec?.limited, limitResponse: { type: 'Reject' } };
  await cluster.put(prioritylevelconfigurations, {
    ...level,
    spec: { type: 'Limited', limited },
  } as PriorityLevelConfiguration);
  await turn();
  expect(levelNamed('global-default')?.waiting).toBe(0);
  expect(running.every(({ ticket }) => ticket)).toBe(true);
  await cluster.remove(prioritylevelconfigurations, level as PriorityLevelConfiguration);
  const ticket = await control.enter(pods, person('joe'), 1);
  expect(ticket.headers['x-kubernetes-pf-flowschema-uid']).toBe('uid-catch-all');
});
