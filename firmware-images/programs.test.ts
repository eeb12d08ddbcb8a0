import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROGRAMS } from '#server/cli/check/programs.plan.ts';
import { boards } from './boards/index.ts';
import { planImage } from './image.plan.ts';

const script = (path: string): string => readFileSync(join(import.meta.dirname, path), 'utf8');
const needed = (role?: 'server' | 'agent') =>
  PROGRAMS.filter((one) => !role || !one.role || one.role === role).map((one) => one.package);

/** What `coracle check` asks for is brought by all that installs programs. */
describe('the programs that Coracle starts', () => {
  it.each([
    [
      'the set-up of a machine',
      'host/setup.sh',
      (name: string) => new RegExp(`^  .*\\|\\| echo ${name}\\b`, 'm'),
    ],
    [
      'the installer',
      'install/install.sh',
      (name: string) => new RegExp(`\\bneed (\\S+ )?${name}$|MISSING ${name}"`, 'm'),
    ],
  ])('are brought by %s', (_what, path, asks) => {
    const text = script(path);
    expect(needed().filter((name) => !asks(name).test(text))).toEqual([]);
  });

  it.each(['server', 'agent'] as const)('are in each image of a %s', (role) => {
    for (const board of boards) {
      const plan = planImage({ board, role, version: '1.0.0', diskId: '00000000', config: undefined });
      const there = [...plan.packages, ...plan.rolePackages];
      expect(needed(role).filter((name) => !there.includes(name))).toEqual([]);
    }
  });
});
