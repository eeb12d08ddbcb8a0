import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ingress } from '#proto/schema/generated/networking-v1.ts';
import { anEndpoint, aService, aSlice } from '../services/fixtures.ts';
import { anIngress, toService } from './fixtures.ts';
import { planRouting, type Routing, type RoutingInput } from './routing.plan.ts';

const plan = (ingresses: readonly Ingress[], rest: Partial<RoutingInput> = {}): Routing =>
  planRouting({
    ingresses,
    services: [aService('web'), aService('api')],
    slices: [aSlice('web', ['10.42.1.2@pi', '10.42.2.3@other']), aSlice('api', ['10.42.1.9@pi'])],
    place: { nodeName: 'pi', zone: undefined },
    addressesOf: () => [],
    certificateOf: (secret) => `${secret.replace('/', '_')}.pem`,
    ...rest,
  });

/** As HAProxy looks: an exact path, then the longest prefix; of the name, then of its wildcard, then of no host. */
function serving({ exact, prefix }: Routing, host: string, path: string): string | undefined {
  for (const site of [host, host.replace(/^[^.]*/, '*'), '*']) {
    const hit = exact.get(site + path);
    if (hit) return hit.backend;
    const key = `${site}${path}/`;
    const prefixes = [...prefix.keys()]
      .filter((one) => key.startsWith(one))
      .sort((a, b) => b.length - a.length);
    if (prefixes[0] !== undefined) return prefix.get(prefixes[0])?.backend;
  }
  return undefined;
}

describe('which rule serves a request', () => {
  /** The table of the documentation of Kubernetes, "Examples" of path types. */
  it.each([
    ['Prefix /', '/anything', true],
    ['Exact /foo', '/foo', true],
    ['Exact /foo', '/bar', false],
    ['Exact /foo', '/foo/', false],
    ['Exact /foo/', '/foo', false],
    ['Prefix /foo', '/foo', true],
    ['Prefix /foo', '/foo/', true],
    ['Prefix /foo/', '/foo', true],
    ['Prefix /foo/', '/foo/', true],
    ['Prefix /aaa/bb', '/aaa/bbb', false],
    ['Prefix /aaa/bbb', '/aaa/bbb', true],
    ['Prefix /aaa/bbb/', '/aaa/bbb', true],
    ['Prefix /aaa/bbb', '/aaa/bbb/', true],
    ['Prefix /aaa/bbb', '/aaa/bbb/ccc', true],
    ['Prefix /aaa/bbb', '/aaa/bbbxyz', false],
    ['ImplementationSpecific /foo', '/foo/bar', true],
  ])('%s and %s: %s', (rule, path, matches) => {
    const routing = plan([anIngress('one', { 'a.example': [`${rule} web`] })]);
    expect(serving(routing, 'a.example', path)).toBe(matches ? 'default_web_http' : undefined);
  });

  it.each([
    ['foo.example', '/', 'one'],
    ['bar.foo.example', '/', 'star'],
    ['baz.bar.foo.example', '/', 'any'],
    ['other.example', '/', 'any'],
    ['foo.example', '/a', 'prefix'],
    ['foo.example', '/a/b', 'longer'],
    ['foo.example', '/a/b/c', 'longer'],
    ['foo.example', '/x', 'exact'],
  ])('%s%s is served by %s', (host, path, service) => {
    const routing = plan([
      anIngress('hosts', {
        '': ['Prefix / any'],
        '*.foo.example': ['Prefix / star'],
        'foo.example': [
          'Prefix /x prefix',
          'Exact /x exact',
          'Prefix / one',
          'Prefix /a prefix',
          'Prefix /a/b longer',
        ],
      }),
    ]);
    expect(serving(routing, host, path)).toBe(`default_${service}_http`);
  });

  it('asks the next best host for a path that the best one has not', () => {
    const routing = plan([
      anIngress('one', {
        'a.b.example': ['Prefix /api api'],
        '*.b.example': ['Prefix /w web'],
        '': ['Prefix / any'],
      }),
    ]);
    expect(serving(routing, 'a.b.example', '/api')).toBe('default_api_http');
    expect(serving(routing, 'a.b.example', '/w')).toBe('default_web_http');
    expect(serving(routing, 'a.b.example', '/z')).toBe('default_any_http');
  });

  it('gives what two want to the older one, whatever the order they come in', () => {
    const older = anIngress('z-older', { 'a.example': ['Prefix / web'] }, { madeAt: '2026-01-01T00:00:00Z' });
    const newer = anIngress('a-newer', { 'a.example': ['Prefix / api'] }, { madeAt: '2026-01-02T00:00:00Z' });
    for (const order of [
      [older, newer],
      [newer, older],
    ])
      expect(serving(plan(order), 'a.example', '/')).toBe('default_web_http');
  });

  it('sends what no rule matches to the default backend, which takes nothing away from rules', () => {
    const fallback = anIngress(
      'all',
      {},
      { defaultBackend: toService('api'), madeAt: '2025-01-01T00:00:00Z' },
    );
    const routing = plan([fallback, anIngress('one', { '': ['Prefix /a web'] })]);
    expect(serving(routing, 'x.example', '/a')).toBe('default_web_http');
    expect(serving(routing, 'x.example', '/b')).toBe('default_api_http');
    const slash = plan([fallback, anIngress('two', { '': ['Prefix / web'] })]);
    expect(serving(slash, 'x.example', '/b')).toBe('default_web_http');
  });

  it('leaves out a path that no request has, and serves the rest of its Ingress', () => {
    const bad = anIngress('one', { 'a.example': ['Prefix /ok web'] });
    bad.spec.rules?.[0]?.http?.paths.push({
      path: '/a b\nevil x|y',
      pathType: 'Prefix',
      backend: toService('web'),
    });
    expect([...plan([bad]).prefix.keys()]).toEqual(['a.example/ok/']);
  });

  it('finds what the tables say for any paths', () => {
    const segment = fc.constantFrom('a', 'b', 'ab');
    const path = fc.array(segment, { maxLength: 3 }).map((parts) => `/${parts.join('/')}`);
    fc.assert(
      fc.property(fc.uniqueArray(path, { minLength: 1, maxLength: 6 }), path, (prefixes, asked) => {
        const ingress = anIngress('one', { 'a.example': prefixes.map((one, i) => `Prefix ${one} s${i}`) });
        const elements = (text: string) => text.split('/').filter(Boolean);
        const wanted = prefixes
          .map((one, i) => ({ i, parts: elements(one) }))
          .filter(({ parts }) => parts.every((part, at) => elements(asked)[at] === part))
          .sort((a, b) => b.parts.length - a.parts.length)[0];
        expect(serving(plan([ingress]), 'a.example', asked)).toBe(wanted && `default_s${wanted.i}_http`);
      }),
      { seed: 20261129, numRuns: 200 },
    );
  });
});

describe('what is behind a rule', () => {
  const backendOf = (ingress: Ingress, rest: Partial<RoutingInput> = {}) => [
    ...plan([ingress], rest).backends,
  ];

  it('is the ready Pods of the Service port, by name and by number', () => {
    const slices = [
      aSlice('web', ['10.42.1.2@pi', anEndpoint('10.42.1.3@pi', { conditions: { ready: false } })]),
    ];
    const byName = anIngress('one', { 'a.example': ['Prefix / web'] });
    const byNumber = anIngress('one', {}, { defaultBackend: toService('web', 80) });
    for (const ingress of [byName, byNumber])
      expect(backendOf(ingress, { slices })[0]?.[1].targets).toEqual([{ ip: '10.42.1.2', port: 8080 }]);
  });

  it('is asked in the first family of the Service', () => {
    const services = [aService('web', { ipFamilies: ['IPv6', 'IPv4'] })];
    const six = aSlice('web', ['fd00::2'], { addressType: 'IPv6' });
    const slices = [aSlice('web', ['10.42.1.2']), { ...six, metadata: { ...six.metadata, name: 'web-2' } }];
    const [[, found] = []] = backendOf(anIngress('one', { '': ['Prefix / web'] }), { services, slices });
    expect(found?.targets).toEqual([{ ip: 'fd00::2', port: 8080 }]);
  });

  it.each([
    ['no Service', toService('nothing')],
    ['no such port', toService('web', 'nothing')],
    ['a resource', { resource: { kind: 'Bucket', name: 'x' } }],
    ['a name that is none', { service: { name: 'a b', port: { number: 80 } } }],
  ])('is nobody for %s', (_what, backend) => {
    const [[, found] = []] = backendOf(anIngress('one', {}, { defaultBackend: backend }));
    expect(found?.targets).toEqual([]);
  });

  it.each([
    ['kubernetes.io/h2c', 'h2c'],
    ['grpc', 'h2c'],
    ['HTTPS', 'https'],
    ['kubernetes.io/ws', 'http'],
    [undefined, 'http'],
  ])('speaks %s as %s', (appProtocol, protocol) => {
    const services = [aService('web', { ports: [{ name: 'http', protocol: 'TCP', port: 80, appProtocol }] })];
    const [[, found] = []] = backendOf(anIngress('one', { '': ['Prefix / web'] }), { services });
    expect(found?.protocol).toBe(protocol);
  });

  it('is the world for an ExternalName', () => {
    const services = [aService('web', { type: 'ExternalName', externalName: 'up.example', clusterIP: '' })];
    const addressesOf = (name: string) => (name === 'up.example' ? ['192.0.2.7'] : []);
    const routing = plan([anIngress('one', {}, { defaultBackend: toService('web', 80) })], {
      services,
      addressesOf,
    });
    expect(routing.externalNames).toEqual(['up.example']);
    expect(routing.backends.get('default_web_80')?.targets).toEqual([{ ip: '192.0.2.7', port: 80 }]);
  });

  it('differs by annotations', () => {
    const ingress = anIngress(
      'one',
      { '': ['Prefix / web'] },
      {
        annotations: {
          'coracle.dev/affinity': 'cookie',
          'coracle.dev/timeout-seconds': '5',
          'coracle.dev/ssl-redirect': 'true',
        },
      },
    );
    const routing = plan([ingress, anIngress('two', { 'b.example': ['Prefix / web'] })]);
    expect(routing.prefix.get('*/')).toEqual({ backend: 'default_web_http_cookie_5s', redirect: true });
    expect(routing.backends.get('default_web_http_cookie_5s')).toMatchObject({
      cookieAffinity: true,
      timeoutSeconds: 5,
    });
    expect(routing.prefix.get('b.example/')).toEqual({ backend: 'default_web_http', redirect: false });
  });
});

it('shows the certificates that can be used, for the hosts that are said', () => {
  const ingress = anIngress(
    'one',
    { 'a.example': ['Prefix / web'] },
    {
      tls: [
        { hosts: ['b.example', 'a.example'], secretName: 'good' },
        { secretName: 'bad' },
        { hosts: ['c.example'] },
      ],
    },
  );
  const certificateOf = (secret: string) => (secret === 'default/good' ? 'good.pem' : undefined);
  expect(plan([ingress], { certificateOf }).certificates).toEqual([
    { file: 'good.pem', hosts: ['a.example', 'b.example'] },
  ]);
});
