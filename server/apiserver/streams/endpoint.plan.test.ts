import { describe, expect, it } from 'vitest';
import type { Service } from '#proto/schema/generated/core-v1.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import { resolveEndpoint } from './endpoint.plan.ts';

const aService = (spec: Partial<Service['spec']> = {}): Service => ({
  metadata: { name: 'hook', namespace: 'ns' },
  spec: { ports: [{ name: 'https', port: 443, targetPort: 8443 }], ...spec },
});

const aSlice = (over: Partial<EndpointSlice> = {}): EndpointSlice => ({
  metadata: { name: 'hook-1', namespace: 'ns' },
  addressType: 'IPv4',
  ports: [{ name: 'https', port: 8443 }],
  endpoints: [],
  ...over,
});

const resolved = (service: Service, slices: EndpointSlice[], port: number | string = 443, random = 0) => {
  const { address, nodeName } = resolveEndpoint(service, slices, port, () => random);
  return `${address.host}:${address.port}@${nodeName ?? ''}`;
};

describe('resolveEndpoint', () => {
  const three = aSlice({
    endpoints: [
      { addresses: ['10.42.0.1'], nodeName: 'a' },
      { addresses: ['10.42.1.1'], nodeName: 'b', conditions: { ready: false } },
      { addresses: ['10.42.2.1'], nodeName: 'c', conditions: { ready: true } },
    ],
  });

  it('takes a ready endpoint, any of them, on the port that the slice has', () => {
    expect(resolved(aService(), [three], 443, 0)).toBe('10.42.0.1:8443@a');
    expect(resolved(aService(), [three], 'https', 0.99)).toBe('10.42.2.1:8443@c');
  });

  it("prefers the Service's first family", () => {
    const six = aSlice({ addressType: 'IPv6', endpoints: [{ addresses: ['fd00::1'] }] });
    expect(resolved(aService({ ipFamilies: ['IPv4'] }), [six, three])).toBe('10.42.0.1:8443@a');
    expect(resolved(aService({ ipFamilies: ['IPv6'] }), [three, six])).toBe('fd00::1:8443@');
    expect(resolved(aService({ ipFamilies: ['IPv6'] }), [three])).toBe('10.42.0.1:8443@a');
  });

  it('takes an ExternalName as it is', () => {
    const external = aService({ type: 'ExternalName', externalName: 'hook.example.com' });
    expect(resolved(external, [], 9443)).toBe('hook.example.com:9443@');
  });

  it.each<[string, EndpointSlice[], number | string, string]>([
    ['no slices', [], 443, 'no endpoints available for service "hook"'],
    ['no endpoints', [aSlice()], 443, 'no endpoints available for service "hook"'],
    ['another port name', [aSlice({ ...three, ports: [{ name: 'x', port: 1 }] })], 443, 'no endpoints'],
    ['a port it does not have', [three], 80, 'no service port 80 found for service "hook"'],
  ])('is unavailable: %s', (_what, slices, port, message) => {
    expect(() => resolved(aService(), slices, port)).toThrow(message);
    expect(() => resolved(aService(), slices, port)).toThrow(
      expect.objectContaining({ reason: 'ServiceUnavailable' }),
    );
  });
});
