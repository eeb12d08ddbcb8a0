/**
 * Conditions of a Node that tell how its board bears its work. The agent sets them, slowly; the scheduler prefers boards where
 * none is True; `kubectl describe node` shows them. A board without the sensor has not the condition.
 */
export const BOARD_CONDITIONS = {
  /** More work waits than there are cores, over some time. */
  highLoad: 'HighLoad',
  /** Close to where the firmware slows the cores down. */
  highTemperature: 'HighTemperature',
  /** The firmware has slowed the cores down: heat, or too little power. */
  throttled: 'Throttled',
  /** The power supply gives less than the board needs. */
  underVoltage: 'UnderVoltage',
  /** Writing takes long: a worn or cheap card. */
  slowStorage: 'SlowStorage',
  /** The card comes to its end: worn out, errors in its file system, or read-only already. */
  failingStorage: 'FailingStorage',
} as const;

/**
 * The taints that follow from them: others first, but no Pod goes, and where there is no other board these do. Onto a card that fails
 * nothing new comes.
 */
export const BOARD_TAINTS: readonly {
  readonly type: string;
  readonly key: string;
  readonly effect: 'NoSchedule' | 'PreferNoSchedule';
}[] = [
  { type: BOARD_CONDITIONS.highTemperature, key: 'coracle.dev/high-temperature', effect: 'PreferNoSchedule' },
  { type: BOARD_CONDITIONS.throttled, key: 'coracle.dev/throttled', effect: 'PreferNoSchedule' },
  { type: BOARD_CONDITIONS.underVoltage, key: 'coracle.dev/under-voltage', effect: 'PreferNoSchedule' },
  { type: BOARD_CONDITIONS.slowStorage, key: 'coracle.dev/slow-storage', effect: 'PreferNoSchedule' },
  { type: BOARD_CONDITIONS.failingStorage, key: 'coracle.dev/failing-storage', effect: 'NoSchedule' },
];
