import { afterEach, expect, it } from 'vitest';
import { silent } from '#proto/meta/log.ts';
import { freePort } from '#proto/net/testing/free-port.ts';
import { anEndpoint, aService, aSlice } from './fixtures.ts';
import { planHealthChecks } from './health-checks.plan.ts';
import { HealthChecks } from './health-checks.ts';

const checks = new HealthChecks(silent);
afterEach(() => checks.set(new Map()));

const local = {
  type: 'LoadBalancer',
  externalTrafficPolicy: 'Local',
  healthCheckNodePort: 30_100,
} as const;
const slices = [
  aSlice('web', [
    '10.42.1.2@pi',
    '10.42.1.2@pi',
    '10.42.2.2@pi2',
    anEndpoint('10.42.1.3@pi', { conditions: { ready: false } }),
  ]),
];

it('counts the ready endpoints of this board', () => {
  const web = { namespace: 'default', name: 'web', localEndpoints: 1 };
  expect([...planHealthChecks([aService('web', local)], slices, 'pi')]).toEqual([[30_100, web]]);
  expect([
    ...planHealthChecks([aService('web', { ...local, externalTrafficPolicy: 'Cluster' })], slices, 'pi'),
  ]).toEqual([]);
});

it('answers what it was told last, and no longer than it was told', async () => {
  const port = await freePort();
  const say = (localEndpoints: number) =>
    checks.set(new Map([[port, { namespace: 'default', name: 'web', localEndpoints }]]));
  const ask = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/healthz`);
    return {
      status: response.status,
      body: await response.json(),
      weight: response.headers.get('x-load-balancing-endpoint-weight'),
    };
  };
  say(2);
  const body = {
    service: { namespace: 'default', name: 'web' },
    localEndpoints: 2,
    serviceProxyHealthy: true,
  };
  await expect.poll(ask).toEqual({ status: 200, body, weight: '2' });
  say(0);
  expect(await ask()).toMatchObject({ status: 503, weight: '0' });
  checks.set(new Map());
  await expect(ask()).rejects.toThrow();
});
