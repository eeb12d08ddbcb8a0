import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { silent } from '#proto/meta/log.ts';
import { AuditLog } from './audit-log.ts';
import { readAuditPolicy } from './read-policy.ts';

const root = mkdtempSync(join(tmpdir(), 'coracle-audit-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const NOW = Date.UTC(2026, 0, 1);

const open = (folder: string, over: object = {}, now = () => NOW) =>
  new AuditLog({
    path: join(root, folder, 'audit.log'),
    maxSize: 0,
    maxAge: 0,
    maxBackup: 0,
    log: silent,
    now,
    ...over,
  });

describe('the file', () => {
  it('gets lines together, and goes on where it was', () => {
    const log = open('plain');
    log.write('one');
    expect(readFileSync(join(root, 'plain', 'audit.log'), 'utf8')).toBe('');
    log.write('two');
    log.close();
    const again = open('plain');
    again.write('three');
    again.close();
    expect(readFileSync(join(root, 'plain', 'audit.log'), 'utf8')).toBe('one\ntwo\nthree\n');
  });

  it('starts anew when it is big, and forgets old ones by count and by age', () => {
    let now = NOW;
    const log = open('big', { maxSize: 1, maxBackup: 2, maxAge: 3 }, () => now);
    const line = 'x'.repeat(600 * 1024);
    for (let day = 0; day < 5; day++) {
      now = NOW + day * 86_400_000;
      log.write(`${day}${line}`);
    }
    log.close();
    const files = readdirSync(join(root, 'big')).sort();
    expect(files).toEqual([
      'audit-2026-01-04T00-00-00.000.log',
      'audit-2026-01-05T00-00-00.000.log',
      'audit.log',
    ]);
    expect(readFileSync(join(root, 'big', 'audit.log'), 'utf8')[0]).toBe('4');
    now = NOW + 30 * 86_400_000;
    const later = open('big', { maxSize: 1, maxAge: 3 }, () => now);
    later.write(line);
    later.close();
    expect(readdirSync(join(root, 'big')).sort()).toEqual(['audit-2026-01-31T00-00-00.000.log', 'audit.log']);
  });
});

describe('the policy', () => {
  const read = (text: string) => {
    const file = join(root, 'policy.yaml');
    writeFileSync(file, text);
    return readAuditPolicy(file);
  };
  const head = 'apiVersion: audit.k8s.io/v1\nkind: Policy\n';

  it('is read', () =>
    expect(read(`${head}omitStages: [RequestReceived]\nrules: [{level: Metadata}]`)).toMatchObject({
      omitStages: ['RequestReceived'],
      rules: [{ level: 'Metadata' }],
    }));

  it.each<[string, RegExp]>([
    ['rules: []', /is not an audit.k8s.io\/v1 Policy/],
    [`${head}rules: []`, /loaded illegal policy with 0 rules/],
    [`${head}rules: [{}]`, /rules\[0\].level: Required value/],
    [
      `${head}rules: [{level: Some}]`,
      /rules\[0\].level: Unsupported value: "Some": supported values: "Metadata"/,
    ],
    [
      `${head}rules: [{level: None, nonResourceURLs: [metrics, /a*b]}]`,
      /must begin with a '\/' character.*must be the final character of the rule/,
    ],
    [
      `${head}rules: [{level: None, nonResourceURLs: [/a], namespaces: [x]}]`,
      /rules cannot apply to both regular resources and non-resource URLs/,
    ],
    [
      `${head}rules: [{level: None, resources: [{group: "a/v1", resourceNames: [x]}]}]`,
      /resources.group: Invalid value.*using resourceNames requires at least one resource/,
    ],
    [
      `${head}omitStages: [End]\nrules: [{level: None}]`,
      /omitStages\[0\]: Invalid value: "End": allowed stages/,
    ],
  ])('says what is wrong: %j', (text, why) => expect(() => read(text)).toThrow(why));
});
