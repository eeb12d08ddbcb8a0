import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One folder for all that a run of tests leaves in the temporary one: gone with the run. Short, for paths of sockets end in it. */
export default function scratch(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'c-'));
  // A program that gives its rights up has to get through to what is its own.
  chmodSync(folder, 0o755);
  process.env['TMPDIR'] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
