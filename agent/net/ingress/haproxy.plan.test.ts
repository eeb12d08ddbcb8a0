import { describe, expect, it } from 'vitest';
import type { Target } from '../services/targets.plan.ts';
import {
  assignSlots,
  type ProxySettings,
  planFiles,
  planSlotChanges,
  type Slots,
  shapeOf,
} from './haproxy.plan.ts';
import type { Backend, Routing } from './routing.plan.ts';

const pod = (last: number): Target => ({ ip: `10.42.1.${last}`, port: 8080 });
const backends = (...targets: Target[]): ReadonlyMap<string, Backend> =>
  new Map([['web', { protocol: 'http', cookieAffinity: false, timeoutSeconds: undefined, targets }]]);
const NONE: Slots = new Map();
const shown = (slots: Slots) =>
  slots
    .get('web')
    ?.map((target) => target?.ip.replace('10.42.1.', '') ?? '-')
    .join(' ');

describe('slots', () => {
  it('keep Pods where they are, and fill what others leave', () => {
    const first = assignSlots(NONE, backends(pod(1), pod(2)));
    expect(shown(first)).toBe('1 2 - -');
    const second = assignSlots(first, backends(pod(2), pod(3)));
    expect(shown(second)).toBe('3 2 - -');
    expect(planSlotChanges(first, second)).toEqual(['set server web/s1 addr 10.42.1.3 port 8080']);
    const third = assignSlots(second, backends(pod(3), pod(4)));
    expect(shown(third)).toBe('3 4 - -');
    expect(planSlotChanges(third, assignSlots(third, backends(pod(3))))).toEqual([
      'set server web/s2 state maint',
    ]);
    expect(planSlotChanges(NONE, first)).toContain('set server web/s1 state ready');
    expect(planSlotChanges(third, third)).toEqual([]);
  });

  it('double when they do not suffice, which is another shape', () => {
    const first = assignSlots(NONE, backends(pod(1)));
    const more = backends(pod(1), pod(2), pod(3), pod(4), pod(5));
    const second = assignSlots(first, more);
    expect(shown(second)).toBe('1 2 3 4 5 - - -');
    const routing = (which: ReadonlyMap<string, Backend>): Routing => ({ ...ROUTING, backends: which });
    expect(shapeOf(routing(more), second)).not.toBe(shapeOf(routing(backends(pod(1))), first));
    const four = backends(pod(1), pod(2), pod(3), pod(4));
    expect(shapeOf(routing(four), assignSlots(first, four))).toBe(shapeOf(routing(backends(pod(1))), first));
  });
});

const ROUTING: Routing = {
  exact: new Map([['a.example/x', { backend: 'web', redirect: true }]]),
  prefix: new Map([['*/', { backend: 'web', redirect: false }]]),
  backends: backends(pod(1)),
  certificates: [{ file: 'a.pem', hosts: ['a.example', '*.b.example'] }],
  externalNames: [],
};
const SETTINGS: ProxySettings = {
  httpPort: 80,
  httpsPort: 443,
  ipv6: true,
  threads: 2,
  maxConnections: 2000,
  directory: '/run/x/1',
  socket: '/run/x/sockets/1.sock',
};

describe('files', () => {
  const files = planFiles(ROUTING, assignSlots(NONE, ROUTING.backends), SETTINGS);

  it('are maps and a list of certificates, the default one first', () => {
    expect(files['exact.map']).toBe('a.example/x tls|web\n');
    expect(files['prefix.map']).toBe('*/ any|web\n');
    expect(files['certificates.list']).toBe('/run/x/1/default.pem\n/run/x/1/a.pem a.example *.b.example\n');
  });

  it('listen on both ports and both families, and know the Pods from the start', () => {
    const config = files['haproxy.cfg'] ?? '';
    expect(config.match(/^ {2}bind .*$/gm)).toEqual([
      '  bind 0.0.0.0:80',
      '  bind [::]:80 v6only',
      '  bind 0.0.0.0:443 ssl crt-list /run/x/1/certificates.list alpn h2,http/1.1',
      '  bind [::]:443 v6only ssl crt-list /run/x/1/certificates.list alpn h2,http/1.1',
    ]);
    expect(config).toContain('  server s1 10.42.1.1:8080\n  server s2 192.0.2.1:9 disabled\n');
  });

  it('write addresses of both families as HAProxy reads them', () => {
    const routing = { ...ROUTING, backends: backends({ ip: 'fd00::2', port: 8080 }) };
    const slots = assignSlots(NONE, routing.backends);
    expect(planFiles(routing, slots, SETTINGS)['haproxy.cfg']).toContain('  server s1 [fd00::2]:8080\n');
    expect(planSlotChanges(NONE, slots)).toContain('set server web/s1 addr fd00::2 port 8080');
  });

  it('leave out a port that another program has', () => {
    const routing = ROUTING;
    const settings = { ...SETTINGS, httpPort: undefined, ipv6: false };
    const config = planFiles(routing, assignSlots(NONE, routing.backends), settings)['haproxy.cfg'];
    expect(config?.match(/^ {2}bind /gm)).toHaveLength(1);
  });

  it.each([
    [{ protocol: 'h2c' } as const, 'server s1 10.42.1.1:8080 proto h2'],
    [{ protocol: 'https' } as const, 'ssl verify none'],
    [{ timeoutSeconds: 5 }, '  timeout server 5s'],
    [{ cookieAffinity: true }, 'dynamic-cookie-key web'],
  ])('say %o', (what, line) => {
    const [[name, backend] = ['', undefined]] = ROUTING.backends;
    const routing = { ...ROUTING, backends: new Map([[name, { ...backend, ...what } as Backend]]) };
    expect(planFiles(routing, assignSlots(NONE, routing.backends), SETTINGS)['haproxy.cfg']).toContain(line);
  });
});
