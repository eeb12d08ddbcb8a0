/**
 * How the board bears its work, as conditions of its Node: the scheduler prefers boards where none is True. Slow on purpose:
 * each change is a write, and a board that goes to and fro would draw Pods to and fro. Pure.
 */
import { BOARD_CONDITIONS } from '#proto/agent/board-conditions.ts';
import type { NodeCondition } from '#proto/schema/generated/core-v1.ts';
import type { CardSample } from './card.plan.ts';
import type { NodeSample } from './metrics.ts';

export type Verdict = readonly [type: string, status: boolean, reason: string, message: string];

export interface BoardFacts {
  readonly sample: NodeSample | undefined;
  readonly cpus: number;
  /** Conditions as they were told last. */
  readonly previous: readonly NodeCondition[];
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Runnable processes for each core, as an average over a minute: high from the first on, and until it is below the second. */
const LOAD = [1.5, 1] as const;
/** Degrees Celsius; firmware slows the cores down from 80 on. */
const TEMPERATURE = [75, 70] as const;
/** Milliseconds of a write, over about a minute. A good card takes a few; at half a second an API server begins to time out. */
const WRITE_MS = [500, 200] as const;
const WORN_PERCENT = 100;
/** What was bad stays so for this long: firmware's bits come and go by the second. */
const MIN_BAD_MS = 120_000;
/** Bits of the firmware: too little power; cores capped, slowed down, or at the soft limit of temperature. */
const UNDER_VOLTAGE = 0b1;
const THROTTLED = 0b1110;

export function boardVerdicts({ sample, cpus, previous, now }: BoardFacts): readonly Verdict[] {
  if (!sample) return [];
  const before = (type: string): NodeCondition | undefined => previous.find((c) => c.type === type);
  const held = (type: string): boolean => {
    const known = before(type);
    if (known?.status !== 'True') return false;
    const since = now - Date.parse(known.lastTransitionTime ?? '');
    // A clock that was set meanwhile says nothing of how long.
    return since >= 0 && since < MIN_BAD_MS;
  };
  const above = (type: string, value: number, [from, below]: readonly [number, number]): boolean =>
    held(type) || value >= (before(type)?.status === 'True' ? below : from);
  const { highLoad, highTemperature, throttled, underVoltage } = BOARD_CONDITIONS;
  const { load1, temperatureCelsius, throttled: bits, card } = sample;
  const verdicts: Verdict[] = [
    above(highLoad, load1 / Math.max(1, cpus), LOAD)
      ? [highLoad, true, 'MoreWorkThanCores', 'more work waits than the board has cores']
      : [highLoad, false, 'WorkIsDone', 'the cores keep up with the work'],
  ];
  if (temperatureCelsius !== undefined)
    verdicts.push(
      above(highTemperature, temperatureCelsius, TEMPERATURE)
        ? [highTemperature, true, 'NearThrottling', 'the processor is about as hot as it may get']
        : [highTemperature, false, 'CoolEnough', 'the processor is cool enough'],
    );
  if (bits !== undefined) {
    verdicts.push(
      held(throttled) || (bits & THROTTLED) !== 0
        ? [throttled, true, 'FirmwareThrottles', 'the firmware has slowed the cores down']
        : [throttled, false, 'FullSpeed', 'the cores run at full speed'],
      held(underVoltage) || (bits & UNDER_VOLTAGE) !== 0
        ? [underVoltage, true, 'PowerTooLow', 'the power supply gives less than the board needs']
        : [underVoltage, false, 'PowerSufficient', 'the power supply is sufficient'],
    );
  }
  const { slowStorage, failingStorage } = BOARD_CONDITIONS;
  if (card.writeMs !== undefined)
    verdicts.push(
      above(slowStorage, card.writeMs, WRITE_MS)
        ? [slowStorage, true, 'WritesTakeLong', 'writing to the disk takes long']
        : [slowStorage, false, 'WritesAreFast', 'writing to the disk is fast enough'],
    );
  const failing = failingOf(card);
  verdicts.push(
    failing
      ? [failingStorage, true, ...failing]
      : [failingStorage, false, 'NoErrors', 'the disk has no errors that it knows of'],
  );
  return verdicts;
}

/** The gravest first; the messages have no figures, for each change of one would be a write. */
function failingOf(card: CardSample): readonly [reason: string, message: string] | undefined {
  if (card.isReadOnly) return ['ReadOnly', 'the file system can only be read'];
  if (card.errors > 0)
    return ['FileSystemErrors', 'the file system has met errors: back up, then check or replace the disk'];
  const isWorn = card.isEndOfLife || (card.lifeUsedPercent ?? 0) >= WORN_PERCENT;
  return isWorn ? ['WornOut', 'the card has used up its life: back up and replace it'] : undefined;
}
