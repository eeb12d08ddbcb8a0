import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { PodFiles } from './pod-files.ts';

let directory: string;
let files: PodFiles;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'pod-files-'));
  files = new PodFiles(path.join(directory, 'kubelet'), path.join(directory, 'pods'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const web = { uid: 'u-1', namespace: 'default', name: 'web' };
const links = (): string[] => readdirSync(path.join(directory, 'containers'));
async function log(pod: typeof web, container: string, attempt: number, id: string): Promise<void> {
  await files.prepareLogs(pod, container);
  writeFileSync(path.join(files.logDirectory(pod), container, `${attempt}.log`), `${id}\n`);
  await files.linkLog(pod, container, attempt, id);
}

it('links each log under the name that collectors parse', async () => {
  await log(web, 'main', 0, 'abc');
  await log(web, 'main', 1, 'def');
  expect(links().sort()).toEqual(['web_default_main-abc.log', 'web_default_main-def.log']);
  expect(readFileSync(path.join(directory, 'containers/web_default_main-def.log'), 'utf8')).toBe('def\n');
  await files.removeLog(web, 'main', 0, 'abc');
  expect(links()).toEqual(['web_default_main-def.log']);
  await files.forget(web);
  expect(links()).toEqual([]);
});

it('cuts a name that is too long for a file, and keeps the id', async () => {
  const pod = { ...web, name: 'n'.repeat(253) };
  mkdirSync(path.join(directory, 'pods'), { recursive: true });
  await files.linkLog(pod, 'main', 0, 'abc');
  expect(links()).toEqual([`${'n'.repeat(243)}-abc.log`]);
});

it('sweeps links to logs that are gone, and no others', async () => {
  await log(web, 'main', 0, 'abc');
  await log({ ...web, name: 'gone' }, 'main', 0, 'old');
  rmSync(files.logDirectory({ ...web, name: 'gone' }), { recursive: true });
  writeFileSync(path.join(directory, 'containers/somebody-elses.log'), '');
  await files.sweepLinks();
  expect(links().sort()).toEqual(['somebody-elses.log', 'web_default_main-abc.log']);
});
