import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { REBOOT_REQUESTED_AT } from '#proto/agent/reboot-request.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { createLogger } from '#proto/meta/log.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';
import { planReboot } from './reboot.plan.ts';
import { obeyReboots } from './reboot.ts';

const NOW = Date.UTC(2026, 10, 20, 12);
const aNode = (requested?: string): Node =>
  ({
    metadata: {
      name: 'pi',
      ...(requested === undefined ? {} : { annotations: { [REBOOT_REQUESTED_AT]: requested } }),
    },
    spec: {},
  }) as Node;
const ago = (seconds: number): string => timestamp(NOW - seconds * 1_000);

it.each([
  ['a request', aNode(ago(5)), undefined, true],
  ['a newer request', aNode(ago(5)), ago(100), true],
  ['the request that was obeyed', aNode(ago(5)), ago(5), false],
  ['an old request', aNode(ago(601)), undefined, false],
  [
    'a request of the far future: the clock of this board was never set',
    aNode(ago(-3_600)),
    undefined,
    false,
  ],
  ['no time', aNode('now'), undefined, false],
  ['no request', aNode(), undefined, false],
  ['no Node yet', undefined, undefined, false],
])('%s', (_, node, honoured, obeyed) => {
  expect(planReboot(node, honoured, NOW) !== undefined).toBe(obeyed);
});

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'coracle-reboot-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('obeys a request once, also after a restart', () => {
  let node = aNode();
  let reboots = 0;
  const listeners = new Set<(plural: string, key: string) => void>();
  const start = (): AbortController => {
    const stop = new AbortController();
    obeyReboots(
      {
        desired: {
          node: () => node,
          onChange: (listener) => {
            listeners.add(listener);
            return () => listeners.delete(listener);
          },
        },
        machine: { reboot: async () => void reboots++ },
        stateFile: join(folder, 'reboot'),
        clock: new FakeClock(NOW),
        log: createLogger('error'),
      },
      stop.signal,
    );
    return stop;
  };
  const change = (): void => {
    for (const listener of listeners) listener('nodes', 'pi');
  };
  const first = start();
  change();
  expect(reboots).toBe(0);
  node = aNode(ago(1));
  change();
  change();
  expect(reboots).toBe(1);
  first.abort();
  expect(listeners.size).toBe(0);
  start();
  expect(reboots).toBe(1);
  node = aNode(ago(0));
  change();
  expect(reboots).toBe(2);
});
