/** Reads Ginkgo's JSON report and writes the table of a run. */
import type { Tier, TierList } from './tiers.plan.ts';
import { tierOf } from './tiers.plan.ts';

export type Outcome = 'passed' | 'failed' | 'skipped';

export interface TestResult {
  readonly name: string;
  readonly outcome: Outcome;
  readonly seconds: number;
  /** Of a failed or skipped one: what it said, in one line. */
  readonly reason: string;
  /** Where it failed: `apimachinery/watch.go:12`. */
  readonly at: string;
  /** All that it said. */
  readonly details: string;
}

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface Failure {
  readonly Message?: string;
  readonly Location?: { readonly FileName?: string; readonly LineNumber?: number };
}

/** What we read of Ginkgo's `types.Report`. */
export interface GinkgoReport {
  readonly SpecReports?:
    | readonly {
        readonly ContainerHierarchyTexts?: readonly string[] | null;
        readonly LeafNodeText?: string;
        readonly LeafNodeType?: string;
        readonly State?: string;
        /** Nanoseconds. */
        readonly RunTime?: number;
        readonly Failure?: Failure;
        readonly CapturedGinkgoWriterOutput?: string;
      }[]
    | null;
}

const PASSED = 'passed';
const SET_UP = 'the suite did not start';

/**
 * Results of the wanted tests, in the order of their names. One that Ginkgo doesn't tell of, because the run broke off,
 * failed: no stub of a run counts as passed.
 */
export function readReports(
  reports: readonly GinkgoReport[],
  wanted: readonly string[],
): readonly TestResult[] {
  const results = new Map<string, TestResult>();
  const missing = new Set(wanted);
  let broken: string | undefined;
  for (const report of reports)
    for (const spec of report.SpecReports ?? []) {
      const name = [...(spec.ContainerHierarchyTexts ?? []), spec.LeafNodeText ?? ''].join(' ');
      const message = spec.Failure?.Message ?? '';
      if (spec.LeafNodeType !== 'It') {
        if (spec.State !== PASSED && message !== '') broken ??= `${spec.LeafNodeType}: ${firstLine(message)}`;
        continue;
      }
      // One that nobody asked for is skipped without a word.
      if (!missing.has(name) || (spec.State === 'skipped' && message === '')) continue;
      missing.delete(name);
      const outcome = outcomeOf(spec.State);
      results.set(name, {
        name,
        outcome,
        seconds: (spec.RunTime ?? 0) / 1e9,
        reason: outcome === 'passed' ? '' : oneLine(message),
        at: outcome === 'failed' ? placeOf(spec.Failure) : '',
        details: outcome === 'failed' ? `${message}\n${spec.CapturedGinkgoWriterOutput ?? ''}` : '',
      });
    }
  for (const name of missing)
    results.set(name, {
      ...{ name, outcome: 'failed', seconds: 0, at: '', details: '' },
      reason: broken ? `${SET_UP}: ${broken}` : 'it was not run: the suite broke off',
    });
  return [...results.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function outcomeOf(state = ''): Outcome {
  if (state === PASSED) return 'passed';
  return state === 'skipped' || state === 'pending' ? 'skipped' : 'failed';
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';

/** Leaves out the Go structures that gomega prints, and the rest of a long message. */
function oneLine(message: string): string {
  let depth = 0;
  const plain = message.split('\n').filter((line, index) => {
    const opens = /[{[(]$/.test(line);
    const closes = /^\s*[}\])]+,?$/.test(line);
    const inside = depth > 0;
    depth = Math.max(0, depth + (opens ? 1 : 0) - (closes ? 1 : 0));
    return index === 0 || (!inside && !opens && !closes && line.trim() !== '');
  });
  const text = plain.map((line) => line.trim()).join(' ');
  return text.length > 300 ? `${text.slice(0, 299)}…` : text;
}

/** Below the suite's own folder, and without the machine's. */
function placeOf(failure: Failure | undefined): string {
  const { FileName = '', LineNumber = 0 } = failure?.Location ?? {};
  return FileName === '' ? '' : `${FileName.replace(/^.*\/test\/e2e\//, '')}:${LineNumber}`;
}

export function totalsOf(results: readonly TestResult[]): Totals {
  const count = (outcome: Outcome) => results.filter((result) => result.outcome === outcome).length;
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}

/** `[sig-apps] Job should …` lies in `sig-apps`. */
const areaOf = (name: string): string => /^\[(sig-[\w-]+)\]/.exec(name)?.[1] ?? 'other';

/** The whole run as Markdown: totals by area, then what failed with its reason, then skipped and passed ones. */
export function formatTable(results: readonly TestResult[], tiers: TierList, title: string): string {
  const of = (outcome: Outcome) => results.filter((result) => result.outcome === outcome);
  const areas = [...new Set(results.map((result) => areaOf(result.name)))].toSorted();
  const totals = totalsOf(results);
  const rows = (wanted: readonly TestResult[]) =>
    wanted.map(
      ({ name, seconds, reason, at }) =>
        `| ${tierName(tiers, name)} | ${cell(name)} | ${seconds.toFixed(1)} | ${cell(reason)} | ${at} |`,
    );
  const section = (heading: string, wanted: readonly TestResult[]) =>
    wanted.length === 0
      ? []
      : [
          '',
          `## ${heading}`,
          '',
          '| tier | test | s | reason | at |',
          '| - | - | - | - | - |',
          ...rows(wanted),
        ];
  return [
    `# ${title}`,
    '',
    `${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped.`,
    '',
    '| area | passed | failed | skipped |',
    '| - | - | - | - |',
    ...areas.map((area) => {
      const { passed, failed, skipped } = totalsOf(results.filter(({ name }) => areaOf(name) === area));
      return `| ${area} | ${passed} | ${failed} | ${skipped} |`;
    }),
    ...section('Failed', of('failed')),
    ...section('Skipped', of('skipped')),
    ...section('Passed', of('passed')),
    '',
  ].join('\n');
}

const tierName = (tiers: TierList, name: string): Tier | '-' => (tiers.has(name) ? tierOf(tiers, name) : '-');

const cell = (text: string): string => text.replaceAll('|', '\\|');
