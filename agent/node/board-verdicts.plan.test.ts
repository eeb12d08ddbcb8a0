import { describe, expect, it } from 'vitest';
import type { NodeCondition } from '#proto/schema/generated/core-v1.ts';
import { boardVerdicts } from './board-verdicts.plan.ts';
import { aSample } from './fixtures.ts';
import type { NodeSample } from './metrics.ts';

const NOW = Date.UTC(2026, 0, 1, 12);
const disk = (over: Partial<NodeSample['card']>): NodeSample['card'] => ({
  ...{ writeMs: undefined, errors: 0, lifeUsedPercent: undefined, isEndOfLife: false, isReadOnly: false },
  ...over,
});
const sample = (over: Partial<NodeSample>): NodeSample =>
  aSample({
    ...{ atMs: NOW, load1: 0.5, temperatureCelsius: undefined, throttled: undefined, card: disk({}) },
    ...over,
  });
const since = (type: string, status: string, secondsAgo: number): NodeCondition => ({
  ...{ type, status, lastTransitionTime: new Date(NOW - secondsAgo * 1000).toISOString() },
});
const bad = (over: Partial<NodeSample>, ...previous: NodeCondition[]): string[] =>
  boardVerdicts({ sample: sample(over), cpus: 4, previous, now: NOW })
    .filter(([, status]) => status)
    .map(([type]) => type);
const types = (over: Partial<NodeSample>): string[] =>
  boardVerdicts({ sample: sample(over), cpus: 4, previous: [], now: NOW }).map(([type]) => type);

describe('what a board tells of how it bears its work', () => {
  it('is nothing before its first sample', () => {
    expect(boardVerdicts({ sample: undefined, cpus: 4, previous: [], now: NOW })).toEqual([]);
  });

  it('leaves out what it has no sensor for', () => {
    expect(types({})).toEqual(['HighLoad', 'FailingStorage']);
    expect(types({ temperatureCelsius: 40 })).toEqual(['HighLoad', 'HighTemperature', 'FailingStorage']);
    expect(types({ card: disk({ writeMs: 2 }) })).toEqual(['HighLoad', 'SlowStorage', 'FailingStorage']);
    expect(types({ throttled: 0 })).toEqual(['HighLoad', 'Throttled', 'UnderVoltage', 'FailingStorage']);
  });

  it.each<[string, Partial<NodeSample>, NodeCondition[], string[]]>([
    ['idle', {}, [], []],
    ['busy', { load1: 5.9 }, [], []],
    ['overloaded', { load1: 6 }, [], ['HighLoad']],
    ['overloaded for long', { load1: 4 }, [since('HighLoad', 'True', 600)], ['HighLoad']],
    ['not overloaded any more', { load1: 3.9 }, [since('HighLoad', 'True', 600)], []],
    ['not overloaded any more since a moment', { load1: 0 }, [since('HighLoad', 'True', 60)], ['HighLoad']],
    ['not overloaded, for long', { load1: 4 }, [since('HighLoad', 'False', 600)], []],
    ['overloaded in another time', { load1: 0 }, [since('HighLoad', 'True', -1e9)], []],
    ['warm', { temperatureCelsius: 74.9 }, [], []],
    ['hot', { temperatureCelsius: 75 }, [], ['HighTemperature']],
    ['hot still', { temperatureCelsius: 70 }, [since('HighTemperature', 'True', 600)], ['HighTemperature']],
    ['cool again', { temperatureCelsius: 69.9 }, [since('HighTemperature', 'True', 600)], []],
    ['capped', { throttled: 0b10 }, [], ['Throttled']],
    ['throttled', { throttled: 0b100 }, [], ['Throttled']],
    ['at its soft limit', { throttled: 0b1000 }, [], ['Throttled']],
    ['short of power', { throttled: 0b1 }, [], ['UnderVoltage']],
    ['once short of power, since boot', { throttled: 0x50000 }, [], []],
    ['short of power a moment ago', { throttled: 0 }, [since('UnderVoltage', 'True', 119)], ['UnderVoltage']],
    ['slow to write', { card: disk({ writeMs: 500 }) }, [], ['SlowStorage']],
    ['slow still', { card: disk({ writeMs: 200 }) }, [since('SlowStorage', 'True', 600)], ['SlowStorage']],
    ['fast again', { card: disk({ writeMs: 199 }) }, [since('SlowStorage', 'True', 600)], []],
    ['read-only', { card: disk({ isReadOnly: true }) }, [], ['FailingStorage']],
    ['with errors on its disk', { card: disk({ errors: 1 }) }, [], ['FailingStorage']],
    ['with a worn card', { card: disk({ lifeUsedPercent: 100 }) }, [], ['FailingStorage']],
    ['with a card near its end', { card: disk({ isEndOfLife: true }) }, [], ['FailingStorage']],
    ['with a card in its prime', { card: disk({ lifeUsedPercent: 90 }) }, [], []],
    ['short of power a while ago', { throttled: 0 }, [since('UnderVoltage', 'True', 120)], []],
  ])('a board that is %s', (_, over, previous, want) => {
    expect(bad(over, ...previous)).toEqual(want);
  });

  it('says the same as long as nothing changes: a figure would be a write each time', () => {
    const [one, two] = [4.1, 4.2].map((load1) =>
      boardVerdicts({ sample: sample({ load1 }), cpus: 4, previous: [], now: NOW }),
    );
    expect(two).toEqual(one);
  });
});
