/** What is planned for NetworkPolicies, in this machine's kernel: every form of a rule, whole and by differences. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { planDifference, planWhole } from '#agent/net/nft/table.plan.ts';
import { aGroup, aLocalPod, aPolicy } from '#agent/net/policies/fixtures.ts';
import { planPolicies } from '#agent/net/policies/policies.plan.ts';
import type { AddressGroup, BoardPolicy } from '#proto/agent/board-policy.ts';
import { command, must } from '../support/boards/shell.ts';

const netns = `coracle-policies-${process.pid}`;
beforeAll(() => must(['ip', 'netns', 'add', netns]));
afterAll(() => command(['ip', 'netns', 'del', netns]));
const inNs = (argv: string[], input?: string) =>
  must(['ip', 'netns', 'exec', netns, ...argv], input === undefined ? {} : { input });

const named = [{ name: 'http', protocol: 'tcp', port: 8080 }];
const pods = [
  aLocalPod('web', '10.42.1.5', { ips: ['10.42.1.5', 'fd42:0:0:1::5'], ports: named }),
  aLocalPod('a'.repeat(63), '10.42.1.6', { namespace: 'n'.repeat(63), labels: { app: 'web' } }),
];
const groups: AddressGroup[] = [
  aGroup('0a1b', { ips: ['10.42.2.2', 'fd42:0:0:2::2'], ports: named }, '10.42.2.3'),
  aGroup('ffff'),
];
const rules = [
  {},
  { peers: [{ group: '0a1b' }, { group: 'ffff' }, { group: 'gone' }] },
  { ports: [{ protocol: 'TCP' }, { port: 80, endPort: 90 }, { port: 85 }, { port: 53, protocol: 'UDP' }] },
  { ports: [{ port: 7, protocol: 'SCTP' }, { port: 'http' }], everyPod: '0a1b' },
  { peers: [{ block: { cidr: '10.1.2.3/8', except: ['10.1.0.0/16', '10.1.2.0/24'] } }] },
  { peers: [{ block: { cidr: '0.0.0.0/0' } }, { block: { cidr: '::/0', except: ['fd00::1/8'] } }] },
  {
    peers: [{ group: '0a1b' }, { block: { cidr: 'fd42::/16' } }],
    ports: [{ port: 'http' }],
    everyPod: '0a1b',
  },
];
const policies: BoardPolicy[] = [
  aPolicy('all.of-it', 'web', { ingress: rules, egress: rules }),
  aPolicy('0', '', { ingress: [], egress: [] }),
  {
    ...aPolicy('p'.repeat(253), 'web', { ingress: rules, egress: rules }),
    metadata: {
      namespace: 'n'.repeat(63),
      name: 'p'.repeat(253),
      uid: '6f9619ff-8b86-d011-b42d-00cf4fc964ff',
    },
  },
];

it('takes every form of a rule, and every change back and forth', async () => {
  const full = planPolicies({ policies, groups, pods });
  const less = planPolicies({
    policies: policies.slice(1).map((policy) => ({ ...policy, egress: [{ ports: [{ port: 1 }] }] })),
    groups: [aGroup('0a1b', '10.42.2.3', '10.42.2.4')],
    pods: pods.slice(0, 1),
  });
  const none = planPolicies({ policies: [], groups: [], pods: [] });
  await inNs(['nft', '-f', '-'], planWhole(full));
  const before = await inNs(['nft', 'list', 'ruleset']);
  expect(before).toContain('fd42:0:0:1::5 : goto pod-in/default/web');
  for (const [from, to] of [
    [full, less],
    [less, none],
    [none, full],
  ] as const)
    await inNs(['nft', '-f', '-'], planDifference(from, to));
  const sorted = (text: string): string[] =>
    text
      .split('\n')
      .map((line) => line.trim())
      .sort();
  expect(sorted(await inNs(['nft', 'list', 'ruleset']))).toEqual(sorted(before));
});
