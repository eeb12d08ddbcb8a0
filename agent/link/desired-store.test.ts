import { mkdtempSync, readdirSync, statSync, truncateSync } from 'node:fs';
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
    open().apply(change);
    const again = open();
    expect(again.secret('default', 'key')).toEqual(secret);
    expect(again.have()).toEqual({ 'secrets/default/key': 'd1' });
  });

  it('is complete only after the server said so, also across a restart', () => {
    const store = open();
    store.apply(change);
    expect(open().complete).toBe(false);
    store.markComplete();
    expect(open().complete).toBe(true);
  });

  it('forgets on disk too, and tells listeners of both', () => {
    const store = open();
    const heard: string[] = [];
    store.onChange((plural, key) => heard.push(`${plural} ${key}`));
    store.apply(change);
    store.apply({ ...change, object: undefined });
    expect(open().have()).toEqual({});
    expect(heard).toEqual(['secrets default/key', 'secrets default/key']);
  });

  it('keeps files from everybody but root', () => {
    open().apply(change);
    const [file = ''] = readdirSync(join(folder, 'secrets'));
    expect(statSync(join(folder, 'secrets', file)).mode & 0o777).toBe(0o600);
  });

  it('leaves a damaged file out, so that the server sends that object again', () => {
    const store = open();
    store.apply(change);
    store.apply({
      ...change,
      key: 'default/other',
      object: { metadata: { namespace: 'default', name: 'other' } },
    });
    truncateSync(join(folder, 'secrets', 'default_key.json'), 10);
    expect(open().have()).toEqual({ 'secrets/default/other': 'd1' });
  });
});
