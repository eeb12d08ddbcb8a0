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
} as const;
