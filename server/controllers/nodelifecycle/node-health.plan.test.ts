import { describe, expect, it } from 'vitest';
import type { Node, NodeCondition, Taint } from '#proto/schema/generated/core-v1.ts';
import { evictionMode, planSilentConditions, planTaints } from './node-health.plan.ts';

const aNode = (conditions: readonly (readonly [string, string])[] = [], taints: Taint[] = []): Node => ({
  metadata: { name: 'board', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { taints },
  status: { conditions: conditions.map(([type, status]): NodeCondition => ({ type, status })) },
});
const taint = (key: string, effect: string): Taint => ({ key: `node.kubernetes.io/${key}`, effect });
const brief = (taints: readonly Taint[] | undefined) =>
  taints?.map(({ key, effect }) => `${key.replace('node.kubernetes.io/', '')}:${effect}`);

describe('planTaints', () => {
  it.each<[string, Node, readonly string[] | undefined]>([
    ['ready: none', aNode([['Ready', 'True']]), undefined],
    ['ready again: none left', aNode([['Ready', 'True']], [taint('not-ready', 'NoSchedule')]), []],
    ['not ready', aNode([['Ready', 'False']]), ['not-ready:NoSchedule', 'not-ready:NoExecute']],
    ['silent', aNode([['Ready', 'Unknown']]), ['unreachable:NoSchedule', 'unreachable:NoExecute']],
    ['has said nothing yet', aNode([], [taint('not-ready', 'NoSchedule')]), undefined],
    ['has said nothing yet, nor been tainted', aNode(), ['not-ready:NoSchedule']],
    [
      'short of memory',
      aNode([
        ['Ready', 'True'],
        ['MemoryPressure', 'True'],
      ]),
      ['memory-pressure:NoSchedule'],
    ],
    [
      'hot, on a card that fails',
      aNode([
        ['Ready', 'True'],
        ['HighTemperature', 'True'],
        ['FailingStorage', 'True'],
      ]),
      ['coracle.dev/high-temperature:PreferNoSchedule', 'coracle.dev/failing-storage:NoSchedule'],
    ],
    [
      'cool again',
      aNode(
        [
          ['Ready', 'True'],
          ['HighTemperature', 'False'],
        ],
        [{ key: 'coracle.dev/high-temperature', effect: 'PreferNoSchedule' }],
      ),
      [],
    ],
    [
      "somebody's own taint",
      aNode([['Ready', 'True']], [{ key: 'mine', effect: 'NoSchedule' }, taint('unreachable', 'NoExecute')]),
      ['mine:NoSchedule'],
    ],
  ])('%s', (_name, node, wanted) => {
    expect(brief(planTaints(node, 'evict', 0))).toEqual(wanted);
  });

  it('empties nothing when nobody is ready, and keeps what it began when most are gone', () => {
    const silent = aNode([['Ready', 'Unknown']]);
    expect(brief(planTaints(silent, 'none', 0))).toEqual(['unreachable:NoSchedule']);
    expect(brief(planTaints(silent, 'hold', 0))).toEqual(['unreachable:NoSchedule']);
    const begun = aNode([['Ready', 'Unknown']], [taint('unreachable', 'NoExecute')]);
    expect(brief(planTaints(begun, 'hold', 0))).toEqual(['unreachable:NoExecute', 'unreachable:NoSchedule']);
  });
});

describe('evictionMode', () => {
  it.each([
    [2, 0, 'evict'],
    [1, 1, 'evict'],
    [0, 2, 'none'],
    [1, 3, 'hold'],
    [3, 3, 'evict'],
  ] as const)('%i ready, %i not: %s', (ready, not, mode) => {
    const nodes = [
      ...Array.from({ length: ready }, () => aNode([['Ready', 'True']])),
      ...Array.from({ length: not }, () => aNode([['Ready', 'Unknown']])),
    ];
    expect(evictionMode(nodes)).toBe(mode);
  });
});

describe('planSilentConditions', () => {
  it('says Unknown once, for what only the node can know', () => {
    const conditions = planSilentConditions(
      aNode([
        ['Ready', 'True'],
        ['NetworkUnavailable', 'False'],
      ]),
      60_000,
    );
    expect(conditions?.map(({ type, status }) => `${type} ${status}`)).toEqual([
      'NetworkUnavailable False',
      'Ready Unknown',
      'MemoryPressure Unknown',
      'DiskPressure Unknown',
      'PIDPressure Unknown',
    ]);
    expect(conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
      reason: 'NodeStatusUnknown',
      lastTransitionTime: '1970-01-01T00:01:00Z',
    });
    const node = aNode();
    expect(planSilentConditions({ ...node, status: { conditions } }, 90_000)).toBeUndefined();
  });
});
