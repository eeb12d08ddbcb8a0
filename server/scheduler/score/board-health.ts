import { BOARD_CONDITIONS } from '#proto/agent/board-conditions.ts';
import type { NodeCondition } from '#proto/schema/generated/core-v1.ts';
import { MAX_SCORE, type Score } from './score.ts';

/** What a condition that is True takes off. A board that runs out of power gets work last. */
const COSTS: Readonly<Record<string, number>> = {
  [BOARD_CONDITIONS.highLoad]: 40,
  [BOARD_CONDITIONS.highTemperature]: 50,
  [BOARD_CONDITIONS.throttled]: 70,
  [BOARD_CONDITIONS.underVoltage]: 100,
};

/**
 * Cool, idle boards with a good power supply first. Requests say what Pods may use; boards say what they do use, and how they
 * bear it: that is how work that disturbs other work is kept apart.
 */
export const boardHealth: Score = {
  name: 'BoardHealth',
  weight: 2,
  scores: (_pod, fitting) => {
    const costs = fitting.map(({ node }) => costOf(node.status?.conditions));
    if (costs.every((cost) => cost === 0)) return undefined;
    return costs.map((cost) => MAX_SCORE - cost);
  },
};

function costOf(conditions: readonly NodeCondition[] | undefined): number {
  let cost = 0;
  for (const { type, status } of conditions ?? [])
    if (status === 'True') cost = Math.max(cost, Object.hasOwn(COSTS, type) ? (COSTS[type] ?? 0) : 0);
  return cost;
}
