/** `coracle check`: looks at the machine, says what stands in the way, and repairs what can be repaired. */
import { planChecks } from './checks.plan.ts';
import type { Role } from './facts.ts';
import { applyFix, runProgram } from './fix.ts';
import { gatherFacts } from './gather.ts';
import { checkTable } from './table.plan.ts';

export interface CheckOptions {
  readonly roles: readonly Role[];
  readonly dataDir: string;
  readonly containerd: string;
  readonly fix: boolean;
  readonly json: boolean;
  readonly colours: boolean;
  write(text: string): void;
}

const SERVER_PORTS = [
  { port: 6443, option: 'listen' },
  { port: 6444, option: 'agent-listen' },
];

/** Gives the exit code: 1 where something must be put right. */
export async function check(options: CheckOptions): Promise<number> {
  const { roles, dataDir, containerd, fix, json, colours, write } = options;
  const look = async () =>
    planChecks(
      await gatherFacts({
        ...{ root: '/', roles, dataDir, containerd },
        ports: roles.includes('server') ? SERVER_PORTS : [],
      }),
    );
  let findings = await look();
  const repairs: { readonly what: string; readonly done: boolean; readonly said: string }[] = [];
  if (fix) {
    for (const finding of findings) {
      if (!finding.fix) continue;
      try {
        repairs.push({ what: finding.what, done: true, said: await applyFix(finding.fix, '/', runProgram) });
      } catch (err) {
        const { stderr, message } = err as Error & { stderr?: string };
        repairs.push({ what: finding.what, done: false, said: stderr?.trim().split('\n').at(-1) || message });
      }
    }
    findings = await look();
  }
  if (json) write(`${JSON.stringify({ findings, ...(fix ? { repairs } : {}) }, null, 2)}\n`);
  else {
    write(`This board as ${roles.join(' and ')}:\n\n${checkTable(findings, colours)}`);
    for (const { what, done, said } of repairs)
      write(`  ${done ? 'repaired' : 'not repaired'}: ${what}: ${said}\n`);
  }
  return findings.some(({ level }) => level === 'failure') ? 1 : 0;
}
