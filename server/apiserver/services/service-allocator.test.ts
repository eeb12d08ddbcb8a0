import { describe, expect, test } from 'vitest';
import { services } from '#proto/api/core/services.ts';
import { silent } from '#proto/meta/log.ts';
import type { Service } from '#proto/schema/generated/core-v1.ts';
import { parseRanges } from '#server/apiserver/services/ip-range.ts';
import { ServiceAllocator } from '#server/apiserver/services/service-allocator.ts';

const aService = (spec: object = {}): Service =>
  ({
    metadata: { name: 's', namespace: 'default' },
    spec: { type: 'ClusterIP', ports: [{ port: 80 }], ...spec },
  }) as Service;

const allocator = (cidr = '10.43.0.0/16') => new ServiceAllocator(parseRanges(cidr), () => 0);

describe('cluster IPs', () => {
  test('come from the upper part of the range, each once', () => {
    const all = allocator();
    const ips = [1, 2].map(() => {
      const service = aService();
      all.reserve(services, service, undefined).settle(true);
      return service.spec.clusterIP;
    });
    expect(ips).toEqual(['10.43.1.1', '10.43.1.2']);
  });

  test('a refused write gives back what it took', () => {
    const all = allocator();
    all.reserve(services, aService(), undefined).settle(false);
    const service = aService();
    all.reserve(services, service, undefined);
    expect(service.spec.clusterIP).toBe('10.43.1.1');
  });

  test('headless and external names need none', () => {
    const headless = aService({ clusterIP: 'None' });
    allocator().reserve(services, headless, undefined);
    expect(headless.spec.clusterIPs).toEqual(['None']);
    const external = aService({ type: 'ExternalName', clusterIP: '' });
    allocator().reserve(services, external, undefined);
    expect(external.spec).not.toHaveProperty('clusterIP');
  });

  test.each([
    ['192.168.0.1', 'not in the valid range'],
    ['10.43.0.7', 'already allocated'],
  ])('%s is refused', (clusterIP, words) => {
    const all = allocator();
    all.repair([aService({ clusterIP: '10.43.0.7', clusterIPs: ['10.43.0.7'] })], silent);
    expect(() => all.reserve(services, aService({ clusterIP }), undefined)).toThrowError(words);
  });

  test('an update that names none keeps what it had; a full range says so', () => {
    const all = allocator('10.43.0.0/30');
    const first = aService();
    all.reserve(services, first, undefined).settle(true);
    const update = aService();
    all.reserve(services, update, first).settle(true);
    expect(update.spec.clusterIP).toBe(first.spec.clusterIP);
    all.reserve(services, aService(), undefined).settle(true);
    expect(() => all.reserve(services, aService(), undefined)).toThrowError('range is full');
    all.release(services, first);
    expect(() => all.reserve(services, aService(), undefined)).not.toThrow();
  });
});

describe('two families', () => {
  const BOTH = '10.43.0.0/16,fd00:43::/112';
  const reserved = (spec: object, before?: Service, ranges = BOTH) => {
    const service = aService(spec);
    const all = allocator(ranges);
    if (before) all.repair([before], silent);
    all.reserve(services, service, before).settle(true);
    return service.spec;
  };

  test.each([
    ['one, unless more are asked for', {}, BOTH, ['10.43.1.1']],
    ['both', { ipFamilyPolicy: 'PreferDualStack' }, BOTH, ['10.43.1.1', 'fd00:43::101']],
    ['both where they must be', { ipFamilyPolicy: 'RequireDualStack' }, BOTH, ['10.43.1.1', 'fd00:43::101']],
    ['what there is', { ipFamilyPolicy: 'PreferDualStack' }, '10.43.0.0/16', ['10.43.1.1']],
    ['the other one', { ipFamilies: ['IPv6'] }, BOTH, ['fd00:43::101']],
    [
      'the other one first',
      { ipFamilies: ['IPv6'], ipFamilyPolicy: 'PreferDualStack' },
      BOTH,
      ['fd00:43::101', '10.43.1.1'],
    ],
    ['what is asked for by address', { clusterIP: 'fd00:43::7' }, BOTH, ['fd00:43::7']],
    ['none', { clusterIP: 'None', selector: { a: 'b' }, ipFamilyPolicy: 'PreferDualStack' }, BOTH, ['None']],
  ])('gives %s', (_, spec, ranges, clusterIPs) => {
    const given = reserved(spec, undefined, ranges);
    expect(given.clusterIPs).toEqual(clusterIPs);
    expect(given.clusterIP).toBe(clusterIPs[0]);
    if (clusterIPs[0] === 'None') expect(given.ipFamilies).toEqual(['IPv4', 'IPv6']);
    else expect(given.ipFamilies).toEqual(clusterIPs.map((ip) => (ip.includes(':') ? 'IPv6' : 'IPv4')));
  });

  test('come and go with the policy, and the first stays', () => {
    const single = aService(reserved({}));
    const dual = aService(reserved({ ...single.spec, ipFamilyPolicy: 'RequireDualStack' }, single));
    expect(dual.spec.clusterIPs).toEqual(['10.43.1.1', 'fd00:43::101']);
    const again = reserved({ ...dual.spec, ipFamilyPolicy: 'SingleStack' }, dual);
    expect(again).toMatchObject({ clusterIPs: ['10.43.1.1'], ipFamilies: ['IPv4'] });
    expect(() => reserved({ ...dual.spec, clusterIPs: ['10.43.1.1'] }, dual)).toThrowError(
      "must be 'SingleStack' to release the secondary cluster IP",
    );
  });

  test.each([
    [{ ipFamilyPolicy: 'RequireDualStack' }, 'this cluster is not configured for dual-stack services'],
    [{ ipFamilies: ['IPv6'] }, 'not configured on this cluster'],
    [{ clusterIP: 'fd00:43::7' }, 'IPv6 is not configured on this cluster'],
    [
      { ipFamilies: ['IPv4', 'IPv6'] },
      "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families",
    ],
  ])('%j is refused where there is one', (spec, words) => {
    expect(() => reserved(spec, undefined, '10.43.0.0/16')).toThrowError(words);
  });

  test('are not two of one', () => {
    expect(() => parseRanges('10.43.0.0/16,10.44.0.0/16')).toThrowError('one family');
    expect(() => parseRanges('fd00::/64')).toThrowError('/108');
  });
});

describe('node ports', () => {
  test('are given, kept, shared by both protocols and freed', () => {
    const all = allocator();
    const dns = aService({
      type: 'NodePort',
      ports: [
        { name: 'a', port: 53, protocol: 'UDP' },
        { name: 'b', port: 53, protocol: 'TCP' },
      ],
    });
    all.reserve(services, dns, undefined).settle(true);
    expect(dns.spec.ports?.map((p) => p.nodePort)).toEqual([30000, 30000]);
    const inside = structuredClone(dns);
    inside.spec.type = 'ClusterIP';
    all.reserve(services, inside, dns).settle(true);
    expect(inside.spec.ports?.map((p) => p.nodePort)).toEqual([undefined, undefined]);
    const next = aService({ type: 'NodePort' });
    all.reserve(services, next, undefined);
    expect(next.spec.ports?.[0]?.nodePort).toBe(30000);
  });

  test.each([
    [80, 'not in the valid range'],
    [30007, 'already allocated'],
  ])('%d is refused', (nodePort, words) => {
    const all = allocator();
    all.repair([aService({ type: 'NodePort', ports: [{ port: 1, nodePort: 30007 }] })], silent);
    const wanted = aService({ type: 'NodePort', ports: [{ port: 80, nodePort }] });
    expect(() => all.reserve(services, wanted, undefined)).toThrowError(words);
  });
});
