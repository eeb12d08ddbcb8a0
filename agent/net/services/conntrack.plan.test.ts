import { describe, expect, it } from 'vitest';
import type { Service } from '#proto/schema/generated/core-v1.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import { planConntrack } from './conntrack.plan.ts';
import { anInput, aService, aSlice } from './fixtures.ts';
import { planServices } from './services.plan.ts';

const planned = (services: readonly Service[], slices: readonly EndpointSlice[]) =>
  planServices(anInput(services, slices));

describe('planConntrack', () => {
  const udp = aService('dns', { ports: [{ name: 'dns', protocol: 'UDP', port: 53 }] });
  const at = (...endpoints: string[]) =>
    planned([udp], [aSlice('dns', endpoints, { ports: [{ name: 'dns', protocol: 'UDP', port: 53 }] })]);
  const flow = ['-D', '-p', 'udp', '--orig-dst', '10.43.0.20', '--orig-port-dst', '53'];

  it.each([
    [
      'an endpoint went',
      at('10.42.1.2@pi', '10.42.1.3@pi'),
      at('10.42.1.3@pi'),
      [[...flow, '--reply-src', '10.42.1.2', '--reply-port-src', '53']],
    ],
    ['the first came', at(), at('10.42.1.2@pi'), [flow]],
    ['the Service came', planned([], []), at('10.42.1.2@pi'), [flow]],
    [
      'an endpoint got another port',
      at('10.42.1.2@pi'),
      planned(
        [udp],
        [aSlice('dns', ['10.42.1.2@pi'], { ports: [{ name: 'dns', protocol: 'UDP', port: 54 }] })],
      ),
      [[...flow, '--reply-src', '10.42.1.2', '--reply-port-src', '53']],
    ],
    ['another came', at('10.42.1.2@pi'), at('10.42.1.2@pi', '10.42.1.3@pi'), []],
    [
      'the Service went',
      at('10.42.1.2@pi'),
      planned([], []),
      [[...flow, '--reply-src', '10.42.1.2', '--reply-port-src', '53']],
    ],
  ])('when %s', (_, before, after, calls) => {
    expect(planConntrack(before, after)).toEqual(calls);
  });

  it('leaves TCP alone, which ends by itself', () => {
    const tcp = aService('web');
    expect(planConntrack(planned([tcp], [aSlice('web', ['10.42.1.2@pi'])]), planned([tcp], []))).toEqual([]);
  });
});
