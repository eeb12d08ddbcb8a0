import { describe, expect, it } from 'vitest';
import type { JobSpec, PodFailurePolicyRule, SuccessPolicyRule } from '#proto/schema/generated/batch-v1.ts';
import { validateFailurePolicy, validateSuccessPolicy } from '#server/registry/batch/job-policies.ts';

const spec = (more: Partial<JobSpec>): JobSpec => ({
  completions: 5,
  podReplacementPolicy: 'Failed',
  template: { spec: { containers: [{ name: 'main' }] } },
  ...more,
});

const codes = (values: number[], operator = 'In', containerName?: string) => ({
  action: 'Count',
  onExitCodes: { operator, values, ...(containerName ? { containerName } : {}) },
});

const failures = (rule: PodFailurePolicyRule, more: Partial<JobSpec> = {}): string[] =>
  validateFailurePolicy(spec({ podFailurePolicy: { rules: [rule] }, ...more }), 'spec').map(
    ({ field, message }) => `${field}: ${message}`,
  );

describe('rules on failed pods', () => {
  it.each<[PodFailurePolicyRule]>([
    [codes([1, 2, 42], 'In', 'main')],
    [codes([0, 1], 'NotIn')],
    [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
  ])('%j is one', (rule) => {
    expect(failures(rule)).toEqual([]);
  });

  it.each<[PodFailurePolicyRule, RegExp]>([
    [codes([]), /values: .*at least one value is required/],
    [codes([0]), /values\[0\]: .*must not be 0 for the In operator/],
    [codes([2, 1]), /values: .*must be ordered/],
    [codes([1, 1]), /values\[1\]: Duplicate value/],
    [codes([1], 'Like'), /operator: Unsupported value/],
    [codes([1], 'In', 'other'), /must be one of the container or initContainer names/],
    [{ ...codes([1]), action: 'Panic' }, /action: Unsupported value/],
    [{ ...codes([1]), action: 'FailIndex' }, /requires the backoffLimitPerIndex to be set/],
    [{ action: 'Count' }, /specifying one of OnExitCodes and OnPodConditions is required/],
    [
      { ...codes([1]), onPodConditions: [{ type: 'X', status: 'True' }] },
      /specifying both OnExitCodes and OnPodConditions is not supported/,
    ],
  ])('%j is none', (rule, problem) => {
    expect(failures(rule)).toEqual([expect.stringMatching(problem)]);
  });

  it('replace failed pods only', () => {
    expect(failures(codes([1]), { podReplacementPolicy: 'TerminatingOrFailed' })).toEqual([
      expect.stringContaining('spec.podReplacementPolicy: Unsupported value'),
    ]);
  });
});

describe('success policies', () => {
  const problems = (...rules: SuccessPolicyRule[]): string[] =>
    validateSuccessPolicy(spec({ successPolicy: { rules } }), 'spec').map(
      ({ field, message }) => `${field}: ${message}`,
    );

  it.each<[SuccessPolicyRule]>([
    [{ succeededIndexes: '0,2-4' }],
    [{ succeededCount: 5 }],
    [{ succeededIndexes: '0-2', succeededCount: 2 }],
  ])('%j is one', (rule) => {
    expect(problems(rule)).toEqual([]);
  });

  it.each<[SuccessPolicyRule, RegExp]>([
    [{}, /at least one of succeededCount or succeededIndexes must be specified/],
    [{ succeededIndexes: '0-5' }, /too large index/],
    [{ succeededIndexes: '3,1' }, /non-increasing order/],
    [{ succeededIndexes: 'first' }, /error parsing succeededIndexes/],
    [{ succeededCount: 6 }, /must be less than or equal to 5 \(the number of specified completions\)/],
    [
      { succeededIndexes: '0-1', succeededCount: 3 },
      /must be less than or equal to 2 \(the number of indexes/,
    ],
    [{ succeededCount: 0 }, /must be greater than 0/],
  ])('%j is none', (rule, problem) => {
    expect(problems(rule)).toEqual([expect.stringMatching(problem)]);
  });

  it('have rules', () => {
    expect(problems()).toEqual([expect.stringContaining('at least one rules must be specified')]);
  });
});
