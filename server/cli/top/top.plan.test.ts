import { expect, it } from 'vitest';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import { frame, type History, type Reading, remember, showBytes, showCpu, sparkline } from './top.plan.ts';

const node = (name: string, more: Partial<Node> = {}): Node => ({
  metadata: { name },
  spec: {},
  status: {
    allocatable: { cpu: '4', memory: '1Gi', pods: '110' },
    conditions: [{ type: 'Ready', status: 'True' }],
  },
  ...more,
});
const pod = (name: string, nodeName: string): Pod => ({
  metadata: { namespace: 'default', name },
  spec: { nodeName, containers: [] },
  status: { phase: 'Running' },
});
const reading = (cpu: string, timestamp: string): Reading => ({
  nodes: [node('pi-2', { spec: { unschedulable: true } }), node('pi-1')],
  pods: [pod('web', 'pi-1'), pod('db', 'pi-2')],
  nodeMetrics: [{ metadata: { name: 'pi-1' }, timestamp, window: '15s', usage: { cpu, memory: '512Mi' } }],
  podMetrics: [
    {
      metadata: { namespace: 'default', name: 'web' },
      timestamp,
      window: '15s',
      containers: [
        { name: 'a', usage: { cpu: '100m', memory: '8Mi' } },
        { name: 'b', usage: { cpu: '50m', memory: '8Mi' } },
      ],
    },
  ],
});
const screen = { columns: 100, rows: 30, sort: 'cpu', color: false, time: '12:00:00', server: 's' } as const;

it('shows boards and Pods, the busiest first', () => {
  let history: History = new Map();
  for (const [cpu, at] of [
    ['1', '1'],
    ['2', '2'],
    ['2', '2'],
    ['4', '3'],
  ] as const)
    history = remember(history, reading(cpu, at));
  const lines = frame(reading('4', '3'), history, screen);
  expect(lines.map((line) => line.trimEnd())).toMatchInlineSnapshot(`
    [
      "Coracle s   2 boards, 2 Pods   12:00:00",
      "",
      "BOARD  CPU                          MEMORY                       USED           PODS     STATE",
      "pi-1                     ▃▅█ 100%                     ▅▅▅  50%   512Mi/1.0Gi    1/110    Ready",
      "pi-2                            -                            -   -              1/110    Cordoned",
      "",
      "POD                                                    BOARD  CPU                    MEMORY",
      "default/web                                            pi-1            ███   150m      16Mi",
      "default/db                                             pi-2                     -         -",
    ]
  `);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
});

it('is as tall as the terminal, and says what it left out', () => {
  const many = { ...reading('1', '1'), pods: Array.from({ length: 50 }, (_, n) => pod(`p-${n}`, 'pi-1')) };
  const lines = frame(many, new Map(), { ...screen, rows: 12 });
  expect(lines).toHaveLength(12);
  expect(lines.at(-1)).toMatch(/^… \d+ more$/);
  expect(frame(many, new Map(), { ...screen, board: 'pi-2' }).join('\n')).not.toContain('p-1');
});

it('forgets what is gone', () => {
  const history = remember(new Map(), reading('1', '1'));
  const empty = { nodes: [], pods: [], nodeMetrics: [], podMetrics: [] };
  expect(remember(history, empty).size).toBe(0);
});

it('writes figures that fit', () => {
  expect(sparkline([0, 50, 100, 200], 6, 100)).toBe('  ▁▅██');
  expect(sparkline([1], 3, 0)).toBe('  ▁');
  expect([3, 999, 1500, 12_000].map(showCpu)).toEqual(['3m', '999m', '1.5', '12']);
  expect([12, 2048, 5 * 2 ** 20, 300 * 2 ** 20, 3 * 2 ** 30].map(showBytes)).toEqual([
    ...['12', '2Ki', '5.0Mi', '300Mi', '3.0Gi'],
  ]);
});
