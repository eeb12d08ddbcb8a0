import { describe, expect, it } from 'vitest';
import type { Node, PodSpec } from '#proto/schema/generated/core-v1.ts';
import { planEligibility } from '#server/controllers/daemonset/eligibility.plan.ts';

const aNode = (spec: Node['spec'] = {}): Node => ({
  metadata: { name: 'a', labels: { disk: 'ssd' } },
  spec,
});

const tainted = (key: string, effect: string): Node => aNode({ taints: [{ key, effect }] });
const YES = { shouldRun: true, mayStay: true };
const STAY = { shouldRun: false, mayStay: true };
const NO = { shouldRun: false, mayStay: false };

const affinity = (key: string, values: string[], field = false): PodSpec['affinity'] => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [
        { [field ? 'matchFields' : 'matchExpressions']: [{ key, operator: 'In', values }] },
      ],
    },
  },
});

describe('planEligibility', () => {
  it.each<[string, Partial<PodSpec>, Node, object]>([
    ['a plain node', {}, aNode(), YES],
    ['the node that is named', { nodeName: 'a' }, aNode(), YES],
    ['another node than named', { nodeName: 'b' }, aNode(), NO],
    ['a label that is selected', { nodeSelector: { disk: 'ssd' } }, aNode(), YES],
    ['a label that is not', { nodeSelector: { disk: 'card' } }, aNode(), NO],
    ['affinity that allows', { affinity: affinity('disk', ['ssd']) }, aNode(), YES],
    ['affinity that does not', { affinity: affinity('disk', ['card']) }, aNode(), NO],
    ['affinity to its name', { affinity: affinity('metadata.name', ['a'], true) }, aNode(), YES],
    ['affinity to another name', { affinity: affinity('metadata.name', ['b'], true) }, aNode(), NO],
    ['a taint', {}, tainted('busy', 'NoSchedule'), STAY],
    ['a taint that evicts', {}, tainted('busy', 'NoExecute'), NO],
    ['a taint that only prefers', {}, tainted('busy', 'PreferNoSchedule'), YES],
    ['a tolerated taint', { tolerations: [{ operator: 'Exists' }] }, tainted('busy', 'NoExecute'), YES],
    ['a node that is not ready', {}, tainted('node.kubernetes.io/not-ready', 'NoExecute'), YES],
    ['a node not ready for new Pods', {}, tainted('node.kubernetes.io/not-ready', 'NoSchedule'), STAY],
    ['a node out of reach', {}, tainted('node.kubernetes.io/unreachable', 'NoExecute'), YES],
    ['a cordoned node', {}, tainted('node.kubernetes.io/unschedulable', 'NoSchedule'), YES],
    ['a node short of memory', {}, tainted('node.kubernetes.io/memory-pressure', 'NoSchedule'), YES],
    ['a node without its network', {}, tainted('node.kubernetes.io/network-unavailable', 'NoSchedule'), STAY],
    [
      'the same, on the host network',
      { hostNetwork: true },
      tainted('node.kubernetes.io/network-unavailable', 'NoSchedule'),
      YES,
    ],
  ])('%s', (_what, spec, node, verdict) => {
    expect(planEligibility({ spec: { containers: [], ...spec } })(node)).toEqual(verdict);
  });
});
