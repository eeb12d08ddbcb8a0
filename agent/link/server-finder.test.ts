import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { HostPort } from '#proto/config/options.ts';
import { silent } from '#proto/meta/log.ts';
import { ServerFinder } from './server-finder.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'coracle-finder-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const at = (host: string): HostPort => ({ host, port: 6444 });
let network: HostPort[] = [];
const finder = (fixed?: HostPort) =>
  new ServerFinder({
    fixed,
    path: join(folder, 'server.json'),
    discover: async () => network.map((link) => ({ name: link.host, link })),
    log: silent,
  });
const hosts = async (one: ServerFinder, count: number) => {
  const tried: string[] = [];
  for (let i = 0; i < count; i++) {
    tried.push(one.next().host);
    await turn();
  }
  return tried;
};

it('goes where the operator said, whatever the network says', async () => {
  network = [at('b')];
  const one = finder(at('a'));
  expect(await one.all()).toEqual([at('a')]);
  expect(await hosts(one, 4)).toEqual(['a', 'a', 'a', 'a']);
});

it('knows the name that servers have, where it knows nothing else', async () => {
  network = [];
  expect(await hosts(finder(), 1)).toEqual(['coracle.local']);
});

it('remembers the server that proved to be ours', async () => {
  network = [at('b'), at('a')];
  const one = finder();
  expect(one.current.host).toBe('coracle.local');
  expect(await one.all()).toEqual(network);
  one.confirm(at('a'));
  const again = finder();
  expect(again.current).toEqual(at('a'));
  expect(await again.all()).toEqual([at('a'), at('b')]);
});

it('tries what the network says once the server is gone, and its old place again', async () => {
  network = [at('a')];
  const one = finder();
  one.confirm(at('a'));
  expect(await hosts(one, 3)).toEqual(['a', 'a', 'a']);
  network = [at('c'), at('b')];
  expect(await hosts(one, 5)).toEqual(['a', 'c', 'b', 'a', 'a']);
  one.confirm(at('c'));
  expect(await hosts(one, 1)).toEqual(['c']);
});
