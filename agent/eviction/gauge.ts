import type { NodeSample } from '#agent/node/metrics.ts';
import { observationsOf } from './observations.plan.ts';
import {
  NO_PRESSURE,
  type Observations,
  type Pressure,
  type PressureState,
  planPressure,
} from './pressure.plan.ts';
import type { PressureCondition, Threshold } from './thresholds.plan.ts';

/** What the board is short of, from sample to sample. Remembers for as long as the agent runs. */
export class PressureGauge {
  readonly #thresholds: readonly Threshold[];
  readonly #transitionMs: number;
  #state: PressureState = NO_PRESSURE;
  #conditions: readonly PressureCondition[] = [];

  constructor(thresholds: readonly Threshold[], transitionMs: number) {
    this.#thresholds = thresholds;
    this.#transitionMs = transitionMs;
  }

  get conditions(): readonly PressureCondition[] {
    return this.#conditions;
  }

  get thresholds(): readonly Threshold[] {
    return this.#thresholds;
  }

  observe(sample: NodeSample): Pressure & { readonly observations: Observations } {
    const observations = observationsOf(sample);
    const pressure = planPressure({
      thresholds: this.#thresholds,
      observations,
      state: this.#state,
      transitionMs: this.#transitionMs,
      // Not the time of day: a board's clock may be set years ahead at any moment.
      now: sample.uptimeSeconds * 1000,
    });
    this.#state = pressure.state;
    this.#conditions = pressure.conditions;
    return { ...pressure, observations };
  }
}
