import { describe, expect, it } from 'vitest';
import { RCODE, TYPE } from '#proto/dns/message.plan.ts';
import { anEndpoint, aService, aSlice } from '../services/fixtures.ts';
import { resolve } from './resolve.plan.ts';
import { buildZone } from './zone.plan.ts';

const zone = buildZone({
  domain: 'cluster.local',
  address: '10.43.0.10',
  services: [
    aService('web'),
    aService('dual', { clusterIP: '10.43.0.21', clusterIPs: ['10.43.0.21', 'fd00::21'] }),
    aService('db', { clusterIP: 'None', clusterIPs: ['None'] }),
    aService('out', { type: 'ExternalName', externalName: 'Example.org.' }),
    aService('alias', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' }),
    aService('empty', { clusterIP: 'None' }),
  ],
  slices: [
    aSlice('web', ['10.42.1.9@pi']),
    aSlice('db', [
      anEndpoint('10.42.1.2@pi', { hostname: 'db-0' }),
      anEndpoint('10.42.2.2@pi2'),
      anEndpoint('10.42.2.3@pi2', { conditions: { ready: false } }),
    ]),
  ],
  ranges: ['10.42.0.0/16', '10.43.0.0/16', 'fd00::/112'],
  complete: true,
});

const ask = (name: string, type: keyof typeof TYPE, turn = 0) => {
  const resolution = resolve(zone, name, TYPE[type], turn);
  if (resolution === 'forward') return 'forward';
  const { rcode, answers, authority } = resolution.answer;
  if (rcode === RCODE.NXDOMAIN) return authority[0]?.type === TYPE.SOA ? 'NXDOMAIN' : 'no SOA';
  if (answers.length === 0) return authority[0]?.type === TYPE.SOA ? 'NODATA' : 'no SOA';
  return answers.map((one) => {
    if ('ip' in one) return one.ip;
    if (one.type === TYPE.SRV) return `${one.port} ${one.target}`;
    return 'target' in one ? one.target : one.type;
  });
};

const DB = 'db.default.svc.cluster.local';
describe('resolve', () => {
  it.each([
    ['web.default.svc.cluster.local', 'A', ['10.43.0.20']],
    ['web.default.svc.cluster.local', 'AAAA', 'NODATA'],
    ['web.default.svc.cluster.local', 'ANY', ['10.43.0.20']],
    ['dual.default.svc.cluster.local', 'AAAA', ['fd00::21']],
    ['_http._tcp.web.default.svc.cluster.local', 'SRV', ['80 web.default.svc.cluster.local']],
    ['20.0.43.10.in-addr.arpa', 'PTR', ['web.default.svc.cluster.local']],
    [DB, 'A', ['10.42.1.2', '10.42.2.2']],
    [`db-0.${DB}`, 'A', ['10.42.1.2']],
    [`10-42-2-2.${DB}`, 'A', ['10.42.2.2']],
    [`10-42-2-3.${DB}`, 'A', 'NXDOMAIN'],
    [`_http._tcp.${DB}`, 'SRV', [`8080 db-0.${DB}`, `8080 10-42-2-2.${DB}`]],
    ['2.1.42.10.in-addr.arpa', 'PTR', [`db-0.${DB}`]],
    ['out.default.svc.cluster.local', 'CNAME', ['example.org']],
    ['out.default.svc.cluster.local', 'A', ['example.org']],
    ['10-42-1-3.default.pod.cluster.local', 'A', ['10.42.1.3']],
    ['fd00-42--3.default.pod.cluster.local', 'AAAA', ['fd00:42::3']],
    ['fd00-42--3.default.pod.cluster.local', 'A', 'NODATA'],
    [`1.2.${'0.'.repeat(26)}0.0.d.f.ip6.arpa`, 'PTR', ['dual.default.svc.cluster.local']],
    [`2.2.${'0.'.repeat(26)}0.0.d.f.ip6.arpa`, 'PTR', 'NXDOMAIN'],
    [`2.2.${'0.'.repeat(26)}0.1.d.f.ip6.arpa`, 'PTR', 'forward'],
    ['x.ip6.arpa', 'PTR', 'forward'],
    ['10-42-1-333.default.pod.cluster.local', 'A', 'NXDOMAIN'],
    ['x.default.pod.cluster.local', 'A', 'NXDOMAIN'],
    ['dns-version.cluster.local', 'TXT', [TYPE.TXT]],
    ['cluster.local', 'SOA', [TYPE.SOA]],
    ['cluster.local', 'NS', ['ns.dns.cluster.local']],
    ['ns.dns.cluster.local', 'A', ['10.43.0.10']],
    ['cluster.local', 'A', 'NODATA'],
    ['default.svc.cluster.local', 'A', 'NODATA'],
    ['_tcp.web.default.svc.cluster.local', 'A', 'NODATA'],
    ['nothing.default.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['empty.default.svc.cluster.local', 'A', 'NODATA'],
    // What the search path makes of a name on its way to the world.
    ['example.org.default.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['example.org', 'A', 'forward'],
    ['notcluster.local', 'A', 'forward'],
    ['99.0.43.10.in-addr.arpa', 'PTR', 'NXDOMAIN'],
    ['1.1.168.192.in-addr.arpa', 'PTR', 'forward'],
    ['x.in-addr.arpa', 'PTR', 'forward'],
    ['', 'NS', 'forward'],
  ] as const)('%s %s', (name, type, expected) => {
    expect(ask(name, type)).toEqual(expected);
  });

  it('lets each client begin with another address', () => {
    expect(ask(DB, 'A', 1)).toEqual(['10.42.2.2', '10.42.1.2']);
  });

  it('does not deny a name while the board has not been told of all', () => {
    const early = resolve({ ...zone, complete: false }, 'later.default.svc.cluster.local', TYPE.A);
    expect(early).toMatchObject({ answer: { rcode: RCODE.SERVFAIL } });
  });
});
