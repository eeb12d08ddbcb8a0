import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { silent } from '#proto/meta/log.ts';
import { DesiredStore } from './desired-store.ts';
import { Seal } from './seal.ts';

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'coracle-desired-')), 'desired');
});
const open = (hardware = 'h1'): DesiredStore => {
  const seal = new Seal(join(folder, '..', 'sealing.key'), hardware);
  return DesiredStore.open({ folder, nodeName: 'pi', seal, log: silent });
};
const journal = (): string => readFileSync(join(folder, 'journal'), 'utf8');
const secret = { metadata: { namespace: 'default', name: 'key' }, data: { a: 'Yg==' } };
const change = { plural: 'secrets', key: 'default/key', digest: 'd1', object: secret };

describe('DesiredStore', () => {
  it('holds its objects across a restart, with their digests', () => {
    open().apply([change]);
    const again = open();
    expect(again.secret('default', 'key')).toEqual(secret);
    expect(again.have()).toEqual({ 'secrets/default/key': 'd1' });
  });

  it('is complete only after the server said so, also across a restart', () => {
    const store = open();
    store.apply([change]);
    expect(open().complete).toBe(false);
    store.markComplete();
    expect(open().complete).toBe(true);
  });

  it('forgets on disk too, and tells listeners of both', () => {
    const store = open();
    const heard: string[] = [];
    store.onChange((plural, key) => heard.push(`${plural} ${key}`));
    store.apply([change]);
    store.apply([{ ...change, object: undefined }]);
    expect(open().have()).toEqual({});
    expect(heard).toEqual(['secrets default/key', 'secrets default/key']);
  });

  it('keeps it from everybody but root', () => {
    open().apply([change]);
    expect(statSync(join(folder, 'journal')).mode & 0o777).toBe(0o600);
  });

  it('writes nothing of a Secret that can be read or guessed, and the rest as it is', () => {
    const store = open();
    const plain = { ...change, plural: 'configmaps' };
    const big = { ...secret, data: { a: 'x'.repeat(10_000) } };
    store.apply([change, plain]);
    const [line = '', other = ''] = journal().split('\n');
    expect(Object.keys(JSON.parse(line))).toEqual(['plural', 'key', 'sealed']);
    expect(line).not.toMatch(/Yg==|d1/);
    expect(JSON.parse(other)).toEqual(plain);
    for (let i = 0; i < 60; i++) store.apply([{ ...plain, key: 'default/big', object: big }]);
    expect(journal()).not.toContain('Yg==","');
    expect(journal().match(/"sealed"/g)).toHaveLength(1);
  });

  it('has no Secrets on other hardware, and asks for them again', () => {
    open().apply([change, { ...change, plural: 'configmaps' }]);
    const elsewhere = open('h2');
    expect(elsewhere.have()).toEqual({ 'configmaps/default/key': 'd1' });
    elsewhere.apply([change]);
    expect(open('h2').secret('default', 'key')).toEqual(secret);
  });

  it('seals at once what an older agent wrote in clear', () => {
    mkdirSync(folder, { recursive: true });
    appendFileSync(join(folder, 'journal'), `${JSON.stringify(change)}\n`);
    expect(open().secret('default', 'key')).toEqual(secret);
    expect(journal()).not.toContain('Yg==');
    expect(open().have()).toEqual({ 'secrets/default/key': 'd1' });
  });

  it('leaves out what a power cut tore, and goes on after it', () => {
    const store = open();
    const other = { ...change, key: 'default/other', digest: 'd2' };
    store.apply([change, other]);
    truncateSync(join(folder, 'journal'), statSync(join(folder, 'journal')).size - 10);
    const again = open();
    expect(again.have()).toEqual({ 'secrets/default/key': 'd1' });
    again.apply([other]);
    expect(open().have()).toEqual({ 'secrets/default/key': 'd1', 'secrets/default/other': 'd2' });
  });

  it('leaves out a damaged line in the middle', () => {
    const store = open();
    store.apply([change]);
    appendFileSync(join(folder, 'journal'), '{"plural":"secrets","key":"x\n');
    store.apply([{ ...change, key: 'default/after' }]);
    expect(Object.keys(open().have())).toEqual(['secrets/default/key', 'secrets/default/after']);
  });

  it('does not grow with history', () => {
    const store = open();
    store.markComplete();
    const big = { metadata: { namespace: 'default', name: 'key' }, data: { a: 'x'.repeat(10_000) } };
    for (let i = 0; i < 60; i++) store.apply([{ ...change, digest: `d${i}`, object: big }]);
    expect(statSync(join(folder, 'journal')).size).toBeLessThan(300_000);
    expect(open().have()).toEqual({ 'secrets/default/key': 'd59' });
    expect(open().complete).toBe(true);
  });
});
