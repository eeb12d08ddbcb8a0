import { describe, expect, it } from 'vitest';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { ControllerRevision, StatefulSet, StatefulSetSpec } from '#proto/schema/generated/apps-v1.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { revisionData } from '#server/controllers/history/history.plan.ts';
import { planStatefulSet } from '#server/controllers/statefulset/statefulset.plan.ts';

const NOW = Date.UTC(2026, 0, 2);

const aSet = (spec: Partial<StatefulSetSpec>): StatefulSet => ({
  metadata: { name: 'web', namespace: 'default', uid: 'set' },
  spec: { replicas: 3, serviceName: 'web', template: {}, podManagementPolicy: 'OrderedReady', ...spec },
});

const aRevision = (name: string): ControllerRevision => ({
  metadata: { name },
  revision: 1,
  data: revisionData({ metadata: { labels: { app: name } } }),
});

/** `0:old` ready; `0:old?` not ready; `0:old-` on its way out; `0:old!` failed. */
function aPod(text: string): Pod {
  const [, ordinal = '', revision = '', mark = ''] = /^(\d+):(\w+)([?!-]?)$/.exec(text) ?? [];
  const name = `web-${ordinal}`;
  return {
    metadata: {
      name,
      uid: name,
      labels: {
        'controller-revision-hash': revision,
        'statefulset.kubernetes.io/pod-name': name,
        'apps.kubernetes.io/pod-index': ordinal,
      },
      ...(mark === '-' ? { deletionTimestamp: timestamp(NOW) } : {}),
    },
    spec: { containers: [] },
    status: {
      phase: mark === '!' ? 'Failed' : 'Running',
      conditions: [{ type: 'Ready', status: mark === '?' || mark === '!' ? 'False' : 'True' }],
    },
  };
}

function plan(spec: Partial<StatefulSetSpec>, pods: string): string {
  const { actions } = planStatefulSet({
    set: aSet(spec),
    current: aRevision('old'),
    update: aRevision('new'),
    collisionCount: undefined,
    pods: pods.split(' ').filter(Boolean).map(aPod),
    claimNamed: () => undefined,
    now: NOW,
  });
  return actions
    .map((action) => {
      if (action.type === 'createPod') {
        const { name, labels } = action.pod.metadata;
        return `create ${name?.slice(4)}:${labels?.['controller-revision-hash']}`;
      }
      return action.type === 'deletePod' ? `delete ${action.pod.metadata.name?.slice(4)}` : action.type;
    })
    .join(', ');
}

const rolling = (partition: number, maxUnavailable?: number | string) => ({
  updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition, maxUnavailable } },
});
const parallel = { podManagementPolicy: 'Parallel' };

describe('an ordered set', () => {
  it.each([
    ['makes the first', rolling(0), '', 'create 0:new'],
    ['waits for it', rolling(0), '0:new?', ''],
    ['makes the next', rolling(0), '0:new', 'create 1:new'],
    ['makes a missing one before all', rolling(0), '1:new 2:new', 'create 0:new'],
    ['makes one below the partition as it was', rolling(2), '1:old 2:new', 'create 0:old'],
    ['makes one anew that has failed', rolling(0), '0:new 1:new! 2:new', 'delete 1'],
    ['updates from the top', rolling(0), '0:old 1:old 2:old', 'delete 2'],
    ['waits for what is on its way out', rolling(0), '0:old 1:old 2:old-', ''],
    ['goes on below', rolling(0), '0:old 1:old 2:new', 'delete 1'],
    ['stops at the partition', rolling(2), '0:old 1:old 2:new', ''],
    ['takes more at once where it may', rolling(0, 2), '0:old 1:old 2:old', 'delete 2, delete 1'],
    ['takes a share, rounded down', rolling(0, '70%'), '0:old 1:old 2:old', 'delete 2, delete 1'],
    ['takes one where the share is nothing', rolling(0, '1%'), '0:old 1:old 2:old', 'delete 2'],
    ['stands still at a Pod that is not ready', rolling(0), '0:old 1:old 2:bad?', ''],
    ['updates nothing by itself', { updateStrategy: { type: 'OnDelete' } }, '0:old 1:old 2:old', ''],
    ['makes what was deleted new', { updateStrategy: { type: 'OnDelete' } }, '0:old 2:old', 'create 1:new'],
    ['scales down from the top', rolling(0), '0:old 1:old 2:old 3:old 4:old', 'delete 4'],
    ['scales down one by one', rolling(0), '0:old 1:old 2:old 3:old 4:old-', ''],
    ['keeps its replicas well before it scales', rolling(0), '0:old 1:old? 2:old 3:old', ''],
    ['does not go past a surplus Pod that is broken', rolling(0), '0:new 1:new 2:new 3:new? 4:new?', ''],
    ['begins with the only broken one', rolling(0), '0:new 1:new 2:new 3:new 4:new?', 'delete 4'],
    ['begins at its start', { ordinals: { start: 5 }, ...rolling(0) }, '', 'create 5:new'],
    [
      'moves with its start',
      { replicas: 1, ordinals: { start: 1 }, ...rolling(0) },
      '0:new 1:new',
      'delete 0',
    ],
  ])('%s', (_what, spec, pods, actions) => {
    expect(plan(spec, pods)).toBe(actions);
  });
});

describe('a parallel set', () => {
  it.each([
    ['makes all', rolling(0), '', 'create 0:new, create 1:new, create 2:new'],
    ['scales down at once', rolling(0), '0:new 1:new? 2:new 3:new 4:new?', 'delete 4, delete 3'],
    ['updates one at a time', rolling(0), '0:old 1:old 2:new?', ''],
    ['updates more where it may', rolling(0, 2), '0:old 1:old 2:new?', 'delete 1'],
    ['replaces a bad Pod after an undo', rolling(0), '0:new 1:new 2:bad?', 'delete 2'],
    ['makes a failed one and the rest', rolling(0), '0:new! 1:new', 'delete 0, create 2:new'],
  ])('%s', (_what, spec, pods, actions) => {
    expect(plan({ ...parallel, ...spec }, pods)).toBe(actions);
  });
});
