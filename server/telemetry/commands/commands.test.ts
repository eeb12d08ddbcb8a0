import { expect, it } from 'vitest';
import { type CommandResult, nodeCommand } from '#proto/agent/mqtt-topics.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { createLogger } from '#proto/meta/log.ts';
import { StatusError } from '#proto/meta/status-error.ts';
import type { Dispatch } from '#server/apiserver/http/dispatch.ts';
import { Commands, type Received } from './commands.ts';
import { planDrain } from './drain.plan.ts';

type Call = Parameters<Dispatch>[0];

function setUp(answer: (call: Call) => object | StatusError = () => ({})) {
  const clock = new FakeClock();
  const calls: string[] = [];
  const users = new Set<string>();
  const results: (CommandResult & { user: string })[] = [];
  const stop = new AbortController();
  const commands = new Commands({
    dispatch: async (call) => {
      users.add(`${call.user.name} by ${call.userAgent}`);
      calls.push(`${call.method} ${call.path} ${Buffer.from(call.body)}`.trim());
      const value = answer(call);
      const failed = value instanceof StatusError;
      const body = Buffer.from(JSON.stringify(failed ? value.toStatus() : value));
      return { code: failed ? value.code : 200, contentType: 'application/json', body };
    },
    mayCommand: (user) => user === 'ha',
    publish: (user, result) => void results.push({ user, ...result }),
    clock,
    log: createLogger('error'),
    signal: stop.signal,
  });
  const receive = (topic: string, payload = 'PRESS', more: Partial<Received> = {}) =>
    commands.receive({ topic, payload, retained: false, expirySeconds: 30, id: null, ...more });
  return { clock, calls, users, results, receive };
}

const cordon = nodeCommand('ha', 'pi-1', 'cordon');

it('goes through the API in the name of its user, and says what became of it', async () => {
  const { calls, users, results, receive } = setUp();
  await receive(cordon, 'ON', { id: 'a1' });
  await receive(cordon, 'OFF');
  await receive(nodeCommand('ha', 'pi-1', 'reboot'));
  await receive('coracle/v1/cmd/ha/namespaces/home/deployments/web/restart');
  expect([...users]).toEqual(['coracle:mqtt:ha by coracle-mqtt']);
  expect(calls.map((call) => call.replace(/"\d{4}-[^"]+"/, 'NOW'))).toEqual([
    'PATCH /api/v1/nodes/pi-1 {"spec":{"unschedulable":true}}',
    'PATCH /api/v1/nodes/pi-1 {"spec":{"unschedulable":false}}',
    'PATCH /api/v1/nodes/pi-1 {"metadata":{"annotations":{"coracle.dev/reboot-requested-at":NOW}}}',
    'PATCH /apis/apps/v1/namespaces/home/deployments/web {"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":NOW}}}}}',
  ]);
  expect(results[0]).toMatchObject({
    ...{ user: 'ha', command: 'nodes/pi-1/cordon', ok: true, code: 200, message: 'cordoned', id: 'a1' },
  });
});

it('tells what the API refuses', async () => {
  const { results, receive } = setUp(() => new StatusError('Forbidden', 'no'));
  await receive(cordon, 'ON');
  expect(results).toMatchObject([{ ok: false, code: 403, message: 'no' }]);
});

it('hears nobody who may not command', async () => {
  const { calls, results, receive } = setUp();
  await receive(nodeCommand('reader', 'pi-1', 'cordon'), 'ON');
  await receive(nodeCommand('reader', 'pi-1', 'cordon'), 'nonsense');
  expect([calls, results]).toEqual([[], []]);
});

it('refuses what is kept and what has no end, and says so', async () => {
  const { calls, results, receive } = setUp();
  await receive(cordon, 'ON', { retained: true });
  await receive(cordon, 'ON', { expirySeconds: undefined });
  expect(calls).toEqual([]);
  expect(results.map(({ ok, code }) => [ok, code])).toEqual([
    [false, 400],
    [false, 400],
  ]);
});

it('is not moved by ten thousand malformed messages, and hears the next command after them', async () => {
  const { clock, calls, results, receive } = setUp();
  for (let i = 0; i < 10_000; i++)
    await receive(i % 2 ? cordon : `coracle/v1/cmd/ha/${'x/'.repeat(i % 7)}`, `{"n":${i}}\0\ufffd`);
  expect([calls, results]).toEqual([[], []]);
  await clock.advance(1_000);
  await receive(cordon, 'ON');
  expect(calls).toHaveLength(1);
});

it('does not do the same thing twice at once', async () => {
  const { calls, results, receive } = setUp();
  await Promise.all([receive(cordon, 'ON'), receive(cordon, 'ON')]);
  expect(calls).toHaveLength(1);
  expect(results.map(({ code }) => code).sort()).toEqual([200, 429]);
});

const aPod = (name: string, owner: string | undefined, more: object = {}): object => ({
  metadata: {
    ...{ namespace: 'home', name, uid: name },
    ...(owner ? { ownerReferences: [{ kind: owner, name: 'x', controller: true }] } : {}),
  },
  ...more,
});

/** Lets time pass until it is over. */
async function ends(done: Promise<void>, clock: FakeClock): Promise<void> {
  let over = false;
  void done.finally(() => {
    over = true;
  });
  for (let i = 0; i < 1_000 && !over; i++) await clock.advance(1_000);
  await done;
}

it('drains: cordons, evicts what comes again elsewhere, and waits for budgets', async () => {
  let pods = [
    aPod('web', 'ReplicaSet'),
    aPod('db', 'StatefulSet'),
    aPod('net', 'DaemonSet'),
    aPod('own', undefined),
    aPod('done', 'Job', { status: { phase: 'Succeeded' } }),
  ];
  let refusals = 1;
  const { clock, calls, results, receive } = setUp(({ method, path }) => {
    if (method === 'GET') return { items: pods };
    if (!path.endsWith('eviction')) return {};
    if (path.includes('/db/') && refusals-- > 0) return new StatusError('TooManyRequests', 'a budget');
    pods = pods.filter((pod) => !path.includes(`/${(pod as { metadata: { name: string } }).metadata.name}/`));
    return {};
  });
  const done = receive(nodeCommand('ha', 'pi-1', 'drain'));
  await ends(done, clock);
  expect(calls.filter((call) => !call.startsWith('GET')).map((call) => call.split(' ')[1])).toEqual([
    '/api/v1/nodes/pi-1',
    '/api/v1/namespaces/home/pods/web/eviction',
    '/api/v1/namespaces/home/pods/db/eviction',
    '/api/v1/namespaces/home/pods/db/eviction',
  ]);
  expect(results).toMatchObject([
    { ok: true, message: 'drained but for home/own, which nobody would make again' },
  ]);
});

it('gives a drain up that does not come to an end', async () => {
  const { clock, results, receive } = setUp(({ method, path }) =>
    method === 'GET'
      ? { items: [aPod('web', 'ReplicaSet')] }
      : path.endsWith('eviction')
        ? new StatusError('TooManyRequests', 'a budget')
        : {},
  );
  const done = receive(nodeCommand('ha', 'pi-1', 'drain'));
  await ends(done, clock);
  expect(results).toMatchObject([{ ok: false, code: 504, message: '1 Pods are still there' }]);
});

it('leaves mirrors of static Pods alone', () => {
  const mirror = { metadata: { name: 'x', annotations: { 'kubernetes.io/config.mirror': 'y' } } };
  expect(planDrain([mirror as never])).toEqual({ evict: [], left: [] });
});
