/** `npm run image -- --board NAME --role server|agent [--config coracle.yaml] [--sign-key FILE] [--output DIR]` */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { boards } from '#firmware/boards/index.ts';
import type { Role } from '#firmware/image.plan.ts';
import { buildIfStale } from '../../build.ts';
import { buildDisk, packImage, packUpgrade } from './build-image.ts';

const ROOT = join(import.meta.dirname, '../..');
const USAGE = `usage: npm run image -- --board ${boards.map(({ name }) => name).join('|')} --role server|agent
         [--config coracle.yaml]   goes onto the boot partition
         [--sign-key FILE]         Ed25519, PEM: what upgrades of this board are signed with
         [--output DIR]            .cache/images/out`;

const log = (line: string): void => void process.stdout.write(`image: ${line}\n`);

try {
  const { values } = parseArgs({
    options: {
      board: { type: 'string' },
      role: { type: 'string' },
      config: { type: 'string' },
      'sign-key': { type: 'string' },
      output: { type: 'string' },
    },
  });
  const board = boards.find(({ name }) => name === values.board);
  if (!board || (values.role !== 'server' && values.role !== 'agent')) throw new Error(USAGE);
  const role: Role = values.role;
  await buildIfStale(log);
  const options = {
    board,
    role,
    config: values.config === undefined ? undefined : await readFile(values.config, 'utf8'),
    root: ROOT,
    dist: join(ROOT, 'dist'),
    cacheFolder: join(ROOT, '.cache/images'),
    outputFolder: values.output ?? join(ROOT, '.cache/images/out'),
    signKey: values['sign-key'] === undefined ? undefined : await readFile(values['sign-key'], 'utf8'),
    log,
  };
  const built = await buildDisk(options);
  const files = [...(await packImage(built, options)), await packUpgrade(built, options.outputFolder)];
  for (const path of files) process.stdout.write(`${path}\n`);
} catch (err) {
  process.stderr.write(`image: ${(err as Error).message}\n`);
  process.exitCode = 1;
}
