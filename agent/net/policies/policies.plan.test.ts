import { describe, expect, it } from 'vitest';
import type { BoardPolicyRule } from '#proto/agent/board-policy.ts';
import { aGroup, aLocalPod, aPolicy } from './fixtures.ts';
import { type PoliciesInput, planPolicies } from './policies.plan.ts';

const web = aLocalPod('web', '10.42.1.5');
const plan = (over: Partial<PoliciesInput>) =>
  planPolicies({ policies: [], groups: [], pods: [web], ...over });
const elements = (table: ReturnType<typeof plan>, set: string) =>
  Object.fromEntries(table.sets.get(set)?.elements ?? []);
/** What one ingress rule of a policy about `web` becomes. */
const rulesOf = (rule: BoardPolicyRule, over: Partial<PoliciesInput> = {}) =>
  plan({ policies: [aPolicy('p', 'web', { ingress: [rule] })], ...over }).chains.get('in/default/p');

describe('isolation', () => {
  it('leaves Pods alone that no policy selects', () => {
    const table = plan({ policies: [aPolicy('p', 'db')] });
    expect(table.chains.size).toBe(0);
    expect(elements(table, 'ingress-4')).toEqual({});
  });

  it('drops what comes in, and leaves what goes out alone, by a policy about what comes in', () => {
    const table = plan({ policies: [aPolicy('deny', '')] });
    expect(elements(table, 'ingress-4')).toEqual({ '10.42.1.5': 'goto pod-in/default/web' });
    expect(elements(table, 'egress-4')).toEqual({});
    expect(elements(table, 'self-4')).toEqual({ '10.42.1.5 . 10.42.1.5': '' });
    expect([...table.chains]).toEqual([['pod-in/default/web', ['drop']]]);
  });

  it('asks all policies of a Pod, one after the other', () => {
    const open = { ingress: [{}], egress: [{}] };
    const table = plan({ policies: [aPolicy('b', 'web', open), aPolicy('a', '', open), aPolicy('c', '')] });
    expect(table.chains.get('pod-in/default/web')).toEqual([
      'jump in/default/a',
      'jump in/default/b',
      'drop',
    ]);
    expect(table.chains.get('pod-out/default/web')).toEqual([
      'jump out/default/a',
      'jump out/default/b',
      'drop',
    ]);
    expect(table.chains.get('in/default/a')).toEqual(['accept']);
  });

  it('is about the namespace of the policy', () => {
    const other = aLocalPod('web', '10.42.1.6', { namespace: 'other', uid: 'other' });
    const table = plan({ policies: [aPolicy('p', '')], pods: [web, other] });
    expect(Object.keys(elements(table, 'ingress-4'))).toEqual(['10.42.1.5']);
  });

  it('holds for every address of a Pod', () => {
    const table = plan({ policies: [aPolicy('p', '')], pods: [{ ...web, ips: ['10.42.1.5', 'fd42::5'] }] });
    expect(elements(table, 'ingress-6')).toEqual({ 'fd42::5': 'goto pod-in/default/web' });
  });

  it('uses uids where names are too long for the kernel', () => {
    const table = plan({ policies: [aPolicy('p'.repeat(253), 'web', { ingress: [{}] })] });
    expect([...table.chains.keys()].every((name) => name.length < 255)).toBe(true);
    expect(table.chains.has(`in/uid-${'p'.repeat(20)}`)).toBe(true);
  });
});

describe('rules', () => {
  const tcp80 = { port: 80, protocol: 'TCP' };
  it.each<[string, BoardPolicyRule, string[]]>([
    ['everybody, every port', {}, ['accept']],
    ['a group', { peers: [{ group: 'g' }] }, ['ip saddr @group/g/4 accept']],
    ['a port', { ports: [tcp80] }, ['tcp dport { 80 } accept']],
    ['a port without a protocol is TCP', { ports: [{ port: 53 }] }, ['tcp dport { 53 } accept']],
    ['a protocol', { ports: [{ protocol: 'UDP' }] }, ['meta l4proto udp accept']],
    [
      'ranges that overlap are one',
      { ports: [tcp80, { port: 79, endPort: 90 }, { port: 91 }, { port: 8080 }] },
      ['tcp dport { 79-91, 8080 } accept'],
    ],
    [
      'each protocol for itself',
      { ports: [tcp80, { port: 80, protocol: 'SCTP' }] },
      ['tcp dport { 80 } accept', 'sctp dport { 80 } accept'],
    ],
    [
      'a block without parts of it',
      { peers: [{ block: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16', '10.1.2.0/24'] } }] },
      ['ip saddr 10.0.0.0/8 ip saddr != 10.1.0.0/16 ip saddr != 10.1.2.0/24 accept'],
    ],
    [
      'blocks of everything',
      { peers: [{ block: { cidr: '0.0.0.0/0', except: ['10.1.0.0/16'] } }, { block: { cidr: '::/0' } }] },
      ['meta nfproto ipv4 ip saddr != 10.1.0.0/16 accept', 'meta nfproto ipv6 accept'],
    ],
    [
      'each peer with each port',
      {
        peers: [{ group: 'g' }, { block: { cidr: 'fd00::/8' } }],
        ports: [tcp80, { protocol: 'UDP', port: 53 }],
      },
      [
        'ip saddr @group/g/4 tcp dport { 80 } accept',
        'ip saddr @group/g/4 udp dport { 53 } accept',
        'ip6 saddr fd00::/8 tcp dport { 80 } accept',
        'ip6 saddr fd00::/8 udp dport { 53 } accept',
      ],
    ],
  ])('%s', (_name, rule, lines) => {
    expect(rulesOf(rule, { groups: [aGroup('g', '10.42.2.2')] })).toEqual(lines);
  });

  it('a group that is not known lets nobody in', () => {
    const table = plan({ policies: [aPolicy('p', 'web', { ingress: [{ peers: [{ group: 'g' }] }] })] });
    expect(table.chains.get('in/default/p')).toEqual(['ip saddr @group/g/4 accept']);
    expect(elements(table, 'group/g/4')).toEqual({});
  });

  it('a change of a group changes elements alone', () => {
    const policies = [aPolicy('p', 'web', { ingress: [{ peers: [{ group: 'g' }] }] })];
    const before = plan({ policies, groups: [aGroup('g', '10.42.2.2')] });
    const after = plan({ policies, groups: [aGroup('g', '10.42.2.2', '10.42.3.3')] });
    expect(after.chains).toEqual(before.chains);
    expect(elements(after, 'group/g/4')).toEqual({ '10.42.2.2': '', '10.42.3.3': '' });
  });

  it('a group of both families is two sets', () => {
    const groups = [aGroup('g', { ips: ['10.42.2.2', 'fd42::2'] })];
    expect(rulesOf({ peers: [{ group: 'g' }] }, { groups })).toEqual([
      'ip saddr @group/g/4 accept',
      'ip6 saddr @group/g/6 accept',
    ]);
  });

  it('looks a named port up in the Pods of the board on the way in', () => {
    const named = { ...web, ports: [{ name: 'http', protocol: 'tcp', port: 8080 }] };
    const policies = [aPolicy('p', 'web', { ingress: [{ ports: [{ port: 'http' }] }] })];
    const table = plan({ policies, pods: [named] });
    expect(table.chains.get('in/default/p')).toEqual([
      'ip daddr . meta l4proto . th dport @named/in/default/p/tcp-http/4 accept',
    ]);
    expect(elements(table, 'named/in/default/p/tcp-http/4')).toEqual({ '10.42.1.5 . tcp . 8080': '' });
  });

  it('asks no packet for two families', () => {
    const named = {
      ...web,
      ips: ['10.42.1.5', 'fd42::5'],
      ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
    };
    const peers = [{ block: { cidr: '10.0.0.0/8' } }, { block: { cidr: 'fd00::/8' } }];
    expect(rulesOf({ peers, ports: [{ port: 'http' }] }, { pods: [named] })).toEqual([
      'ip saddr 10.0.0.0/8 ip daddr . meta l4proto . th dport @named/in/default/p/tcp-http/4 accept',
      'ip6 saddr fd00::/8 ip6 daddr . meta l4proto . th dport @named/in/default/p/tcp-http/6 accept',
    ]);
  });

  it('looks it up in the group on the way out, of all Pods where there is none', () => {
    const member = (ip: string) => ({ ips: [ip], ports: [{ name: 'http', protocol: 'tcp', port: 8080 }] });
    const ports = [{ port: 'http', protocol: 'TCP' }];
    const table = plan({
      policies: [
        aPolicy('p', 'web', { egress: [{ peers: [{ group: 'g' }], ports }] }),
        aPolicy('q', 'web', { egress: [{ ports, everyPod: 'all' }] }),
      ],
      groups: [aGroup('g', member('10.42.2.2')), aGroup('all', member('10.42.2.2'), member('10.42.2.3'))],
    });
    expect(table.chains.get('out/default/p')).toEqual([
      'ip daddr @group/g/4 ip daddr . meta l4proto . th dport @named/out/default/p/tcp-http/4 accept',
    ]);
    expect(Object.keys(elements(table, 'named/out/default/p/tcp-http/4'))).toEqual([
      '10.42.2.2 . tcp . 8080',
    ]);
    expect(Object.keys(elements(table, 'named/out/default/q/tcp-http/4'))).toEqual([
      '10.42.2.2 . tcp . 8080',
      '10.42.2.3 . tcp . 8080',
    ]);
  });
});
