/** The images of one board, each built when it is first wanted. */
import { join } from 'node:path';
import type { Board } from '#firmware/boards/board.ts';
import {
  type BuildOptions,
  type BuiltImage,
  buildDisk,
  packImage,
  packUpgrade,
} from '#firmware/build/build-image.ts';
import type { Role } from '#firmware/image.plan.ts';

export interface Images {
  readonly board: Board;
  readonly root: string;
  /** For disks and logs. */
  readonly folder: string;
  readonly say: (line: string) => void;
  build(role: Role, version?: string): Promise<BuiltImage>;
  /** `.img.xz` and what comes with it. */
  pack(role: Role): Promise<readonly string[]>;
  /** An upgrade file; `system` in place of the image's own. */
  upgrade(role: Role, version: string, system?: string): Promise<string>;
}

export function describeImages(given: {
  readonly board: Board;
  readonly root: string;
  readonly folder: string;
  readonly say: (line: string) => void;
}): Images {
  const { board, root, folder, say } = given;
  const options = (role: Role, version?: string): BuildOptions => ({
    board,
    role,
    config: undefined,
    root,
    dist: join(root, 'dist'),
    cacheFolder: join(root, '.cache/images'),
    outputFolder: join(folder, 'out'),
    signKey: undefined,
    ...(version === undefined ? {} : { version }),
    log: (line) => say(`   ${line}`),
  });
  const built = new Map<string, Promise<BuiltImage>>();
  const build = (role: Role, version?: string): Promise<BuiltImage> => {
    const key = `${role} ${version}`;
    const image = built.get(key) ?? buildDisk(options(role, version));
    built.set(key, image);
    return image;
  };
  return {
    ...given,
    build,
    pack: async (role) => packImage(await build(role), options(role)),
    upgrade: async (role, version, system) => {
      const image = await build(role);
      const plan = { ...image.plan, name: `${image.plan.name}-${version}` };
      return packUpgrade(
        { ...(await (system ? image : build(role, version))), plan, version, ...(system ? { system } : {}) },
        join(folder, 'out'),
      );
    },
  };
}
