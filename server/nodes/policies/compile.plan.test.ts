import { describe, expect, it } from 'vitest';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { NetworkPolicySpec } from '#proto/schema/generated/networking-v1.ts';
import { compilePolicy, isMember, planGroup } from './compile.plan.ts';

const compile = (spec: Partial<NetworkPolicySpec>) =>
  compilePolicy(
    {
      metadata: { namespace: 'default', name: 'p', uid: 'u', resourceVersion: '7' },
      spec: { podSelector: {}, ...spec },
    },
    (text) => text,
  );
const aPod = (name: string, namespace: string, over: Partial<Pod> = {}): Pod => ({
  metadata: { name, namespace, labels: { app: name } },
  spec: { containers: [] },
  status: { podIPs: [{ ip: `10.42.1.${name.length}` }] },
  ...over,
});
const labels: Record<string, Record<string, string>> = { default: {}, other: { team: 'a' } };

describe('policy types', () => {
  it.each<[string, Partial<NetworkPolicySpec>, boolean, boolean]>([
    ['ingress alone when nothing is said', {}, true, false],
    ['both when there are rules for what goes out', { egress: [{}] }, true, true],
    ['what is said', { policyTypes: ['Egress'] }, false, true],
    ['both when both are said', { policyTypes: ['Ingress', 'Egress'] }, true, true],
  ])('%s', (_name, spec, ingress, egress) => {
    const { policy } = compile(spec);
    expect(policy.ingress !== undefined).toBe(ingress);
    expect(policy.egress !== undefined).toBe(egress);
  });
});

describe('peers', () => {
  const a = aPod('a', 'default');
  const b = aPod('bb', 'other');
  it.each([
    ['a selector of Pods means the own namespace', { podSelector: {} }, [true, false]],
    [
      'a selector of namespaces means all Pods there',
      { namespaceSelector: { matchLabels: { team: 'a' } } },
      [false, true],
    ],
    ['both must hold', { podSelector: { matchLabels: { app: 'a' } }, namespaceSelector: {} }, [true, false]],
    ['none of it', { podSelector: { matchLabels: { app: 'x' } } }, [false, false]],
  ])('%s', (_name, peer, expected) => {
    const { groups } = compile({ ingress: [{ from: [peer] }] });
    const [group] = groups.values();
    expect(group && [a, b].map((pod) => isMember(group, pod, (name) => labels[name]))).toEqual(expected);
  });

  it('that are the same are one group, whoever names them', () => {
    const from = [{ podSelector: { matchLabels: { a: '1', b: '2' } } }];
    const to = [{ podSelector: { matchLabels: { b: '2', a: '1' } } }];
    expect(compile({ ingress: [{ from }], egress: [{ to }] }).groups.size).toBe(1);
  });

  it('are everybody when there are none', () => {
    expect(compile({ ingress: [{ from: [] }] }).policy.ingress).toEqual([{}]);
    expect(compile({ ingress: [] }).policy.ingress).toEqual([]);
  });

  it('know their named ports on the way out, and all Pods are asked where no group is', () => {
    const ports = [{ port: 'http', protocol: 'TCP' }];
    const { policy, groups } = compile({ egress: [{ ports }, { ports, to: [{ podSelector: {} }] }] });
    expect(policy.egress?.map((rule) => rule.everyPod !== undefined)).toEqual([true, false]);
    expect([...groups.values()].map((group) => group.ports)).toEqual([true, true]);
    expect(
      [...compile({ ingress: [{ ports, from: [{ podSelector: {} }] }] }).groups.values()][0]?.ports,
    ).toBe(false);
  });
});

it('leaves out who has no address of its own, or has ended', () => {
  const [group] = compile({ ingress: [{ from: [{ podSelector: {} }] }] }).groups.values();
  if (!group) throw new Error('no group');
  const pods = [
    aPod('b', 'default'),
    aPod('host', 'default', { spec: { containers: [], hostNetwork: true } }),
    aPod('ended', 'default', { status: { phase: 'Succeeded', podIPs: [{ ip: '10.42.1.9' }] } }),
    aPod('new', 'default', { status: {} }),
  ];
  expect(planGroup('g', group, pods, () => ({}))).toEqual({
    metadata: { name: 'g' },
    members: [{ ips: ['10.42.1.1'] }],
  });
});
