import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { AuditLog, type AuditLogOptions } from '#server/apiserver/audit/audit-log.ts';
import { type Auditor, createAuditor } from '#server/apiserver/audit/auditor.ts';
import { readAuditPolicy } from '#server/apiserver/audit/read-policy.ts';

/** Reads the policy and opens the log; throws where one of them can't be. */
export function openAuditLog(
  options: Omit<AuditLogOptions, 'log' | 'now'> & { readonly policyFile: string },
  clock: Clock,
  log: Logger,
): { readonly auditor: Auditor; close(): void } {
  const { policyFile, ...file } = options;
  const policy = readAuditPolicy(policyFile);
  const lines = new AuditLog({ ...file, log, now: () => clock.now() });
  return {
    auditor: createAuditor({ policy, clock, write: (line) => lines.write(line) }),
    close: () => lines.close(),
  };
}
