import { describe, expect, it } from 'vitest';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { DaemonSet } from '#proto/schema/generated/apps-v1.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { NodePods } from '#server/controllers/daemonset/node-pods.plan.ts';
import { planRolling } from '#server/controllers/daemonset/rolling.plan.ts';

const NOW = Date.UTC(2026, 0, 2);
const set: DaemonSet = { metadata: { name: 'proxy' }, spec: { template: {} } };

/** `old` ready, `old?` not ready, `old-` on its way out; the same for `new`. */
function aPod(text: string, node: string): Pod {
  const [, hash = '', mark = ''] = /^(old|new)([?-]?)$/.exec(text) ?? [];
  return {
    metadata: {
      name: `${node}/${hash}`,
      labels: { 'controller-revision-hash': hash },
      ...(mark === '-' ? { deletionTimestamp: timestamp(NOW) } : {}),
    },
    spec: { containers: [] },
    status: { conditions: [{ type: 'Ready', status: mark === '?' ? 'False' : 'True' }] },
  };
}

/** Nodes a, b, c, … with the Pods of each; a node in brackets takes no new ones. */
const nodesOf = (text: string): NodePods[] =>
  text.split(' | ').map((pods, i) => {
    const name = 'abcdef'[i] ?? '';
    const shouldRun = !pods.startsWith('(');
    const there = pods.replaceAll(/[()]/g, '').trim();
    return {
      name,
      shouldRun,
      mayStay: true,
      pods: there ? there.split(' ').map((pod) => aPod(pod, name)) : [],
    };
  });

function plan(maxUnavailable: number, maxSurge: number, nodes: string): string {
  const budget = { maxUnavailable, maxSurge };
  const next = planRolling({ set, hash: 'new', nodes: nodesOf(nodes), budget, now: NOW });
  return [...next.delete.map(({ metadata }) => `-${metadata.name}`), ...next.create.map((n) => `+${n}`)].join(
    ' ',
  );
}

describe('planRolling', () => {
  it.each<[string, number, number, string, string]>([
    ['takes one', 1, 0, 'old | old | old', '-a/old'],
    ['takes two', 2, 0, 'old | old | old', '-a/old -b/old'],
    ['waits for the new one', 1, 0, 'new? | old | old', ''],
    ['goes on', 1, 0, 'new | old | old', '-b/old'],
    ['waits for what is on its way out', 1, 0, 'old- | old | old', ''],
    ['replaces broken ones at once', 1, 0, 'old? | old? | old', '-a/old -b/old'],
    ['takes no more than that with them', 2, 0, 'old? | old | old', '-a/old -b/old'],
    ['counts a node that has none yet', 1, 0, ' | old | old', ''],
    ['has nothing to do', 1, 0, 'new | new | new', ''],
    ['surges on one', 0, 1, 'old | old | old', '+a'],
    ['surges on two', 0, 2, 'old | old | old', '+a +b'],
    ['waits for the one that is under way', 0, 1, 'old new? | old | old', ''],
    ['gives the old one up for it, and goes on', 0, 1, 'old new | old | old', '-a/old +b'],
    ['does not wait for broken ones', 0, 1, 'old? | old? | old', '+a +b +c'],
    ['leaves a node alone that has too many', 0, 1, 'old old | old | old', ''],
    ['gives up what is broken on a node that takes no new one', 0, 1, '(old?) | new | new', '-a/old'],
    ['keeps what runs there while it is needed', 0, 1, '(old) | new? | new', ''],
    ['and no longer', 0, 1, '(old) | new | new', '-a/old'],
  ])('%s', (_what, maxUnavailable, maxSurge, nodes, actions) => {
    expect(plan(maxUnavailable, maxSurge, nodes)).toBe(actions);
  });
});
