import { describe, expect, it } from 'vitest';
import type {
  ContainerPort,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  Pod,
  PodSpec,
  Taint,
  Toleration,
} from '#proto/schema/generated/core-v1.ts';
import { aContainer, aNode, aNodeInfo, aPod, aPodInfo, reasonsOf } from '../fixtures.ts';
import { FILTERS } from './index.ts';
import { nodeAffinity } from './node-affinity.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { nodeResourcesFit } from './node-resources.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { pinnedNodes } from './pinned-node.ts';
import { taintToleration } from './taint-toleration.ts';

it('asks in the order of upstream', () => {
  expect(FILTERS.map(({ name }) => name)).toEqual([
    'NodeUnschedulable',
    'NodeName',
    'TaintToleration',
    'NodeAffinity',
    'NodePorts',
    'NodeResourcesFit',
    'VolumeRestrictions',
    'VolumeBinding',
    'PodTopologySpread',
    'InterPodAffinity',
  ]);
});

describe('NodeUnschedulable', () => {
  const cordoned = aNodeInfo(aNode('a', { spec: { unschedulable: true } }));
  const key = 'node.kubernetes.io/unschedulable';

  it.each<[string, Toleration[], boolean]>([
    ['nothing', [], false],
    ['everything', [{ operator: 'Exists' }], true],
    ['the taint', [{ key, operator: 'Exists', effect: 'NoSchedule' }], true],
    ['another effect of it', [{ key, operator: 'Exists', effect: 'NoExecute' }], false],
    ['another taint', [{ key: 'dedicated', operator: 'Exists' }], false],
  ])('a Pod that tolerates %s', (_, tolerations, fits) => {
    expect(reasonsOf(nodeUnschedulable, aPodInfo({ tolerations }), cordoned)).toEqual(
      fits ? [] : ['node(s) were unschedulable'],
    );
  });

  it('lets a Pod on a node that is not cordoned', () => {
    expect(reasonsOf(nodeUnschedulable, aPodInfo(), aNodeInfo())).toEqual([]);
  });
});

describe('NodeName', () => {
  it.each([
    [undefined, true],
    ['', true],
    ['board-1', true],
    ['board-2', false],
  ])('%j', (name, fits) => {
    expect(reasonsOf(nodeName, aPodInfo({ nodeName: name }), aNodeInfo(aNode('board-1')))).toEqual(
      fits ? [] : ["node(s) didn't match the requested node name"],
    );
  });
});

describe('TaintToleration', () => {
  const taint = (effect: string, value?: string): Taint => ({ key: 'k', effect, value });

  it.each<[string, Taint[], Toleration[], boolean]>([
    ['no taint', [], [], true],
    ['NoSchedule', [taint('NoSchedule')], [], false],
    ['NoExecute', [taint('NoExecute')], [], false],
    ['PreferNoSchedule', [taint('PreferNoSchedule')], [], true],
    ['equal value', [taint('NoSchedule', 'v')], [{ key: 'k', value: 'v' }], true],
    ['Equal spelled out', [taint('NoSchedule', 'v')], [{ key: 'k', operator: 'Equal', value: 'v' }], true],
    ['another value', [taint('NoSchedule', 'v')], [{ key: 'k', value: 'w' }], false],
    ['no value on both sides', [taint('NoSchedule')], [{ key: 'k', value: '' }], true],
    ['Exists', [taint('NoSchedule', 'v')], [{ key: 'k', operator: 'Exists' }], true],
    ['Exists for all keys', [taint('NoExecute', 'v')], [{ operator: 'Exists' }], true],
    ['all keys, another effect', [taint('NoExecute')], [{ operator: 'Exists', effect: 'NoSchedule' }], false],
    [
      'an operator of tomorrow',
      [taint('NoSchedule', '5')],
      [{ key: 'k', operator: 'Gt', value: '3' }],
      false,
    ],
    [
      'one of two',
      [taint('NoSchedule'), { key: 'other', effect: 'NoSchedule' }],
      [{ key: 'k', operator: 'Exists' }],
      false,
    ],
  ])('%s', (_, taints, tolerations, fits) => {
    const info = aNodeInfo(aNode('a', { spec: { taints } }));
    expect(reasonsOf(taintToleration, aPodInfo({ tolerations }), info)).toEqual(
      fits ? [] : ['node(s) had untolerated taint(s)'],
    );
  });
});

describe('NodeAffinity', () => {
  const info = aNodeInfo(aNode('board-1', { labels: { disk: 'ssd', cores: '8', empty: '' } }));
  const refused = ["node(s) didn't match Pod's node affinity/selector"];
  const requiring = (
    ...nodeSelectorTerms: {
      matchExpressions?: NodeSelectorRequirement[];
      matchFields?: NodeSelectorRequirement[];
    }[]
  ): Partial<PodSpec> => ({
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
  });
  const expression = (key: string, operator: string, ...values: string[]): Partial<PodSpec> =>
    requiring({ matchExpressions: [{ key, operator, values }] });

  it.each<[string, Partial<PodSpec>, boolean]>([
    ['nothing', {}, true],
    ['selector', { nodeSelector: { disk: 'ssd' } }, true],
    ['selector, two labels', { nodeSelector: { disk: 'ssd', cores: '4' } }, false],
    ['selector, no such label', { nodeSelector: { gpu: '' } }, false],
    ['selector, inherited name', { nodeSelector: { constructor: '' } as never }, false],
    ['In', expression('disk', 'In', 'hdd', 'ssd'), true],
    ['In, other values', expression('disk', 'In', 'hdd'), false],
    ['NotIn', expression('disk', 'NotIn', 'hdd'), true],
    ['NotIn, no such label', expression('gpu', 'NotIn', 'x'), true],
    ['NotIn, its value', expression('disk', 'NotIn', 'ssd'), false],
    ['Exists', expression('empty', 'Exists'), true],
    ['Exists, no such label', expression('gpu', 'Exists'), false],
    ['Exists, inherited name', expression('constructor', 'Exists'), false],
    ['DoesNotExist', expression('gpu', 'DoesNotExist'), true],
    ['DoesNotExist, but it does', expression('disk', 'DoesNotExist'), false],
    ['Gt', expression('cores', 'Gt', '7'), true],
    ['Gt, equal', expression('cores', 'Gt', '8'), false],
    ['Gt, as numbers', expression('cores', 'Gt', '10'), false],
    ['Lt', expression('cores', 'Lt', '10'), true],
    ['Lt, negative', expression('cores', 'Lt', '-1'), false],
    ['Gt, no number', expression('disk', 'Gt', '1'), false],
    ['Gt, no such label', expression('gpu', 'Gt', '1'), false],
    ['unknown operator', expression('disk', 'Near', 'ssd'), false],
    ['no term at all', requiring(), false],
    ['empty term', requiring({}), false],
    ['empty term beside one that fits', requiring({}, { matchExpressions: [exists('disk')] }), true],
    ['both of one term', requiring({ matchExpressions: [exists('disk'), exists('gpu')] }), false],
    [
      'either of two terms',
      requiring({ matchExpressions: [exists('gpu')] }, { matchExpressions: [exists('disk')] }),
      true,
    ],
    ['its name', requiring({ matchFields: [byName('In', 'board-1')] }), true],
    ['another name', requiring({ matchFields: [byName('In', 'board-2')] }), false],
    ['not another name', requiring({ matchFields: [byName('NotIn', 'board-2')] }), true],
    [
      'name and labels',
      requiring({ matchFields: [byName('In', 'board-1')], matchExpressions: [exists('gpu')] }),
      false,
    ],
    ['selector and affinity', { nodeSelector: { disk: 'hdd' }, ...expression('disk', 'Exists') }, false],
  ])('%s', (_, spec, fits) => {
    expect(reasonsOf(nodeAffinity, aPodInfo(spec), info)).toEqual(fits ? [] : refused);
  });

  it('knows a node without labels', () => {
    const bare = { ...aNode(), metadata: { name: 'bare' } };
    expect(reasonsOf(nodeAffinity, aPodInfo({ nodeSelector: { a: 'b' } }), aNodeInfo(bare))).toEqual(refused);
  });
});

describe('NodeAffinity before all others', () => {
  const to = (...matchFields: NodeSelectorRequirement[]) => ({ matchFields });

  it.each<[string, NodeSelectorTerm[], string[] | undefined]>([
    ['no term', [], undefined],
    ['a name', [to(byName('In', 'board-1'))], ['board-1']],
    ['two names at once', [to(byName('In', 'board-1'), byName('In', 'board-2'))], []],
    ['either name', [to(byName('In', 'board-2')), to(byName('In', 'board-1'))], ['board-2', 'board-1']],
    ['a name, or labels', [to(byName('In', 'board-2')), { matchExpressions: [exists('gpu')] }], undefined],
    ['not a name, for the rule on all of a node to say', [to(byName('NotIn', 'board-1'))], undefined],
  ])('%s', (_, nodeSelectorTerms, want) => {
    const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } };
    expect(pinnedNodes(aPodInfo({ affinity: { nodeAffinity } }))).toEqual(want);
  });
});

describe('NodePorts', () => {
  const listening = (...ports: Partial<ContainerPort>[]): Partial<PodSpec> => ({
    containers: [
      aContainer(undefined, { ports: ports.map((port) => ({ containerPort: 80, ...port })) }),
      aContainer(),
    ],
  });
  const asInit = (restartPolicy?: string): Partial<PodSpec> => {
    const { containers = [] } = listening({ hostPort: 80 });
    return { initContainers: containers.map((c) => ({ ...c, restartPolicy })), containers: [aContainer()] };
  };

  it.each<[string, Partial<PodSpec>, Partial<PodSpec>, boolean]>([
    ['no host port', listening({}), listening({}), true],
    ['host port 0', listening({ hostPort: 0 }), listening({ hostPort: 0 }), true],
    ['the same', listening({ hostPort: 80 }), listening({ hostPort: 80 }), false],
    ['another port', listening({ hostPort: 80 }), listening({ hostPort: 81 }), true],
    ['one of several', listening({ hostPort: 80 }), listening({ hostPort: 81 }, { hostPort: 80 }), false],
    ['TCP is the default', listening({ hostPort: 80 }), listening({ hostPort: 80, protocol: 'TCP' }), false],
    ['another protocol', listening({ hostPort: 80 }), listening({ hostPort: 80, protocol: 'UDP' }), true],
    [
      'another address',
      listening({ hostPort: 80, hostIP: '10.0.0.1' }),
      listening({ hostPort: 80, hostIP: '10.0.0.2' }),
      true,
    ],
    [
      'all addresses taken',
      listening({ hostPort: 80 }),
      listening({ hostPort: 80, hostIP: '10.0.0.2' }),
      false,
    ],
    [
      'all addresses wanted',
      listening({ hostPort: 80, hostIP: '10.0.0.1' }),
      listening({ hostPort: 80, hostIP: '0.0.0.0' }),
      false,
    ],
    ['a sidecar', asInit('Always'), listening({ hostPort: 80 }), false],
    ['an init container', asInit(), listening({ hostPort: 80 }), true],
  ])('%s', (_, there, wanted, fits) => {
    const info = aNodeInfo(aNode(), [aPod('there', there)]);
    expect(reasonsOf(nodePorts, aPodInfo(wanted), info)).toEqual(
      fits ? [] : ["node(s) didn't have free ports for the requested pod ports"],
    );
  });
});

describe('NodeResourcesFit', () => {
  const asking = (requests?: Record<string, string>): Pod =>
    aPod('web', { containers: [aContainer(requests)] });
  const node = aNode('a', {
    allocatable: { cpu: '2', memory: '1Gi', 'ephemeral-storage': '1Gi', 'example.com/gpio': '2', pods: '3' },
  });
  const full = { cpu: '2', memory: '1Gi', 'ephemeral-storage': '1Gi' };

  it.each<[string, Pod[], Record<string, string> | undefined, string[]]>([
    ['all of an empty node', [], full, []],
    ['a little more CPU', [], { cpu: '2001m' }, ['Insufficient cpu']],
    ['what is left', [asking({ cpu: '1500m' })], { cpu: '500m' }, []],
    ['more than is left', [asking({ cpu: '1500m' })], { cpu: '501m' }, ['Insufficient cpu']],
    [
      'too much of everything',
      [asking(full)],
      { cpu: '1m', memory: '1', 'ephemeral-storage': '1', 'example.com/gpio': '3' },
      [
        'Insufficient cpu',
        'Insufficient memory',
        'Insufficient ephemeral-storage',
        'Insufficient example.com/gpio',
      ],
    ],
    ['nothing of a full node', [asking(full)], { cpu: '0' }, []],
    ['what the node does not have', [], { 'example.com/none': '1' }, ['Insufficient example.com/none']],
    ['nothing of what it does not have', [], { 'example.com/none': '0' }, []],
    ['the last place', [asking(), asking()], undefined, []],
    ['one more Pod', [asking(), asking(), asking()], undefined, ['Too many pods']],
    [
      'places and CPU',
      [asking(full), asking(), asking()],
      { cpu: '1' },
      ['Too many pods', 'Insufficient cpu'],
    ],
  ])('%s', (_, there, requests, want) => {
    expect(reasonsOf(nodeResourcesFit, aPodInfo(asking(requests).spec), aNodeInfo(node, there))).toEqual(
      want,
    );
  });

  it('puts nothing on a node that has not told what it has', () => {
    const silent = { ...aNode(), status: {} };
    expect(reasonsOf(nodeResourcesFit, aPodInfo(), aNodeInfo(silent))).toEqual(['Too many pods']);
  });

  it('fits nothing on a node that shrank below what is there', () => {
    const small = aNode('a', { allocatable: { cpu: '1' } });
    const info = aNodeInfo(small, [asking({ cpu: '2' })]);
    expect(reasonsOf(nodeResourcesFit, aPodInfo(asking({ cpu: '1m' }).spec), info)).toEqual([
      'Insufficient cpu',
    ]);
    expect(reasonsOf(nodeResourcesFit, aPodInfo(), info)).toEqual([]);
  });
});

function exists(key: string): NodeSelectorRequirement {
  return { key, operator: 'Exists' };
}

function byName(operator: string, name: string): NodeSelectorRequirement {
  return { key: 'metadata.name', operator, values: [name] };
}
