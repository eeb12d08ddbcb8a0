import type { Finding } from './checks.plan.ts';

const MARKS: Readonly<Record<Finding['level'], { readonly sign: string; readonly colour: number }>> = {
  ok: { sign: '✓', colour: 32 },
  warning: { sign: '!', colour: 33 },
  failure: { sign: '✗', colour: 31 },
};

/** For a person: one line a finding, and below it what to do. */
export function checkTable(findings: readonly Finding[], colours: boolean): string {
  const width = Math.max(...findings.map(({ what }) => what.length));
  const lines = findings.flatMap(({ what, level, found, next }) => {
    const { sign, colour } = MARKS[level];
    const mark = colours ? `\x1b[${colour}m${sign}\x1b[0m` : sign;
    return [
      `  ${mark} ${what.padEnd(width)}  ${found}`,
      ...(next ? [`    ${' '.repeat(width)}  → ${next}`] : []),
    ];
  });
  return `${lines.join('\n')}\n\n${summary(findings)}\n`;
}

function summary(findings: readonly Finding[]): string {
  const count = (level: Finding['level']): number =>
    findings.filter((finding) => finding.level === level).length;
  const [failures, warnings] = [count('failure'), count('warning')];
  if (failures + warnings === 0) return 'All is well: this board is ready.';
  const parts = [
    ...(failures > 0 ? [`${failures} that must be put right`] : []),
    ...(warnings > 0 ? [`${warnings} that ${warnings === 1 ? 'deserves' : 'deserve'} a look`] : []),
  ];
  const fixable = findings.filter(({ fix }) => fix).length;
  return `${parts.join(', ')}.${fixable > 0 ? ` coracle check --fix repairs ${fixable} of them.` : ''}`;
}
