import { describe, expect, it } from 'vitest';
import { parseForwarding, parseServer, serversFor } from './forwarding.plan.ts';

it.each([
  ['10.0.0.1', { host: '10.0.0.1', port: 53 }],
  ['10.0.0.1:5353', { host: '10.0.0.1', port: 5353 }],
  ['fd00::1', { host: 'fd00::1', port: 53 }],
  ['[fd00::1]:5353', { host: 'fd00::1', port: 5353 }],
  ['fe80::1%eth0', { host: 'fe80::1%eth0', port: 53 }],
  ['dns.example.org', undefined],
  ['10.0.0.1:0', undefined],
  ['10.0.0.1:70000', undefined],
  ['', undefined],
])('%s is the server %j', (text, server) => expect(parseServer(text)).toEqual(server));

describe('the ConfigMap', () => {
  const forwarding = parseForwarding({
    stubDomains: '{"Acme.local": ["1.2.3.4"], "deep.acme.local.": ["1.2.3.5:5353", "nonsense"], "x": "y"}',
    upstreamNameservers: '["8.8.8.8", "8.8.4.4"]',
  });

  it.each([
    ['acme.local', ['1.2.3.4']],
    ['www.acme.local', ['1.2.3.4']],
    ['www.deep.acme.local', ['1.2.3.5:5353']],
    ['notacme.local', ['8.8.8.8', '8.8.4.4']],
    ['local', ['8.8.8.8', '8.8.4.4']],
    ['', ['8.8.8.8', '8.8.4.4']],
  ])('sends %s to %j', (name, servers) => expect(serversFor(forwarding, name)).toEqual(servers));

  it('says what it leaves out', () => {
    expect(forwarding.problems).toEqual([
      'stubDomains of deep.acme.local.: only addresses, IP or IP:PORT',
      'stubDomains of x: not a list of addresses',
    ]);
    expect(parseForwarding({ stubDomains: '[', upstreamNameservers: '{}' }).problems).toHaveLength(2);
    expect(parseForwarding({ stubDomains: '[]' }).problems).toEqual(['stubDomains: not an object of lists']);
  });

  it('is not needed', () => {
    const none = parseForwarding(undefined);
    expect(none.problems).toEqual([]);
    expect(serversFor(none, 'example.org')).toBeUndefined();
  });
});
