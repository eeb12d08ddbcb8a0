import { describe, expect, it } from 'vitest';
import { formatTable, type GinkgoReport, readReports, totalsOf } from './report.plan.ts';
import { parseTiers } from './tiers.plan.ts';

const spec = (name: string, State: string, Message?: string) => ({
  ContainerHierarchyTexts: ['[sig-apps] Job'],
  LeafNodeText: name,
  LeafNodeType: 'It',
  State,
  RunTime: 1_500_000_000,
  ...(Message === undefined
    ? {}
    : { Failure: { Message, Location: { FileName: '/go/k8s/test/e2e/apps/job.go', LineNumber: 7 } } }),
});
const wanted = ['passes', 'fails', 'gives up', 'panics'].map((name) => `[sig-apps] Job ${name}`);
const report: GinkgoReport = {
  SpecReports: [
    spec('passes', 'passed'),
    spec(
      'fails',
      'failed',
      'waiting for pods: | timed out\n    <*errors.errorString | 0xc0>: {\n        s: "x",',
    ),
    spec('gives up', 'skipped', 'Only supported for providers [gce]'),
    spec('panics', 'panicked', 'Test Panicked: map[\n  a: 1,\n]\nat last'),
    spec('was not asked for', 'skipped'),
    { LeafNodeType: 'SynchronizedAfterSuite', State: 'passed' },
  ],
};

describe('readReports', () => {
  const results = readReports([report], wanted);

  it('tells what each wanted test did, and why', () => {
    expect(results.map(({ name, outcome, reason }) => [name.slice(15), outcome, reason])).toEqual([
      ['fails', 'failed', 'waiting for pods: | timed out'],
      ['gives up', 'skipped', 'Only supported for providers [gce]'],
      ['panics', 'failed', 'Test Panicked: map[ at last'],
      ['passes', 'passed', ''],
    ]);
    expect(results[0]).toMatchObject({ seconds: 1.5, at: 'apps/job.go:7' });
    expect(totalsOf(results)).toEqual({ passed: 1, failed: 2, skipped: 1 });
  });

  it('counts a test that no report tells of as failed', () => {
    expect(readReports([], ['[sig-apps] Job passes'])).toMatchObject([
      { outcome: 'failed', reason: 'it was not run: the suite broke off' },
    ]);
  });

  it('says why a suite did not start', () => {
    const broken: GinkgoReport = {
      SpecReports: [
        {
          LeafNodeType: 'SynchronizedBeforeSuite',
          State: 'failed',
          Failure: { Message: 'no ready nodes\nin the cluster' },
        },
        spec('passes', 'skipped'),
      ],
    };
    expect(readReports([broken], ['[sig-apps] Job passes'])).toMatchObject([
      { outcome: 'failed', reason: 'the suite did not start: SynchronizedBeforeSuite: no ready nodes' },
    ]);
  });

  it('takes each half from its own report', () => {
    const serial: GinkgoReport = { SpecReports: [spec('passes', 'skipped'), spec('alone', 'passed')] };
    const both = readReports([report, serial], [...wanted, '[sig-apps] Job alone']);
    expect(totalsOf(both)).toEqual({ passed: 2, failed: 2, skipped: 1 });
  });
});

it('formatTable sums up by area and keeps bars out of its cells', () => {
  const table = formatTable(readReports([report], wanted), parseTiers('B [sig-apps] Job fails'), 'A run');
  expect(table).toContain('1 passed, 2 failed, 1 skipped.');
  expect(table).toContain('| sig-apps | 1 | 2 | 1 |');
  expect(table).toContain('| B | [sig-apps] Job fails | 1.5 | waiting for pods: \\| timed out');
  expect(table.indexOf('## Failed')).toBeLessThan(table.indexOf('## Passed'));
});
