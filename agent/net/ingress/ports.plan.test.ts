import { expect, it } from 'vitest';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { aService } from '../services/fixtures.ts';
import { planPortConflicts } from './ports.plan.ts';

const aPod = (spec: Partial<Pod['spec']>, ports: object[]): Pod =>
  ({
    metadata: { namespace: 'default', name: 'p' },
    spec: { containers: [{ name: 'c', ports }], ...spec },
  }) as Pod;

it('names who has a port of Ingresses', () => {
  const balanced = (ip: string) =>
    aService('lb', { type: 'LoadBalancer' }, { status: { loadBalancer: { ingress: [{ ip }] } } });
  const found = (services: Parameters<typeof planPortConflicts>[1]['services'], pods: Pod[] = []) =>
    [...planPortConflicts([80, 443], { services, pods, hostIps: ['10.0.0.2'] }).values()].join();
  expect(found([balanced('10.0.0.2')])).toBe('port 80 is that of LoadBalancer Service default/lb');
  expect(found([balanced('192.0.2.9'), aService('c')])).toBe('');
  expect(found([], [aPod({}, [{ containerPort: 8080, hostPort: 443 }])])).toBe(
    'port 443 is that of Pod default/p',
  );
  expect(found([], [aPod({ hostNetwork: true }, [{ containerPort: 80 }])])).toBe(
    'port 80 is that of Pod default/p',
  );
  expect(found([], [aPod({}, [{ containerPort: 80 }, { hostPort: 80, protocol: 'UDP' }])])).toBe('');
});
