import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silent } from '#proto/meta/log.ts';
import { type ForeignFolders, ForeignNetwork, gatherPrograms } from './foreign-network.ts';

let root: string;
let folders: ForeignFolders;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'coracle-foreign-'));
  const at = (name: string): string => join(root, name);
  folders = {
    configurations: at('etc'),
    programs: [at('opt'), at('usr')],
    confDir: at('conf'),
    binDir: at('bin'),
  };
  for (const name of ['opt', 'usr', 'conf']) mkdirSync(at(name));
});
afterEach(() => rmSync(root, { recursive: true }));
const put = (path: string, text = 'x') => writeFileSync(join(root, path), text);

it('brings over what is installed, then and later, and takes back what is removed', async () => {
  const network = new ForeignNetwork(folders, silent);
  put('conf/10-coracle.conflist');
  await network.follow();
  expect(readdirSync(folders.confDir)).toEqual(['10-coracle.conflist']);
  put('opt/flannel');
  put('etc/10-flannel.conflist', 'one');
  put('etc/calico-kubeconfig');
  const copy = join(folders.confDir, 'installed-10-flannel.conflist');
  const copied = () => existsSync(copy) && readFileSync(copy, 'utf8');
  await expect.poll(copied).toBe('one');
  expect(readdirSync(folders.confDir).length).toBe(2);
  expect(readdirSync(folders.binDir)).toEqual(['flannel']);
  put('etc/10-flannel.conflist', 'two');
  await expect.poll(copied).toBe('two');
  await network.leave();
  expect(readdirSync(folders.confDir)).toEqual(['10-coracle.conflist']);
});

it('leaves nothing behind of what it is just bringing over', async () => {
  const network = new ForeignNetwork(folders, silent);
  mkdirSync(folders.configurations);
  put('etc/10-flannel.conflist', 'one');
  await Promise.all([network.follow(), network.leave()]);
  expect(readdirSync(folders.confDir)).toEqual([]);
});

it('gathers the programs of all folders, those that were installed before those of the system', async () => {
  for (const path of ['opt/bridge', 'usr/bridge', 'usr/portmap']) put(path);
  await gatherPrograms(folders.programs, folders.binDir);
  const real = (name: string): string =>
    realpathSync(join(folders.binDir, name)).slice(realpathSync(root).length);
  expect(['bridge', 'portmap'].map(real)).toEqual(['/opt/bridge', '/usr/portmap']);
  rmSync(join(root, 'opt/bridge'));
  rmSync(join(root, 'usr/portmap'));
  await gatherPrograms(folders.programs, folders.binDir);
  expect(readdirSync(folders.binDir).map(real)).toEqual(['/usr/bridge']);
});
