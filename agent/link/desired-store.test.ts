import { appendFileSync, mkdtempSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { silent } from '#proto/meta/log.ts';
import { DesiredStore } from './desired-store.ts';

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'coracle-desired-')), 'desired');
});
const open = (): DesiredStore => DesiredStore.open({ folder, nodeName: 'pi', log: silent });
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
