/** The root file system as Debian makes it: packages installed, nothing of ours yet. A tar. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SUITE } from '#firmware/image.plan.ts';
import type { Apt, ResolvedPackage } from './apt.ts';
import type { Cache } from './cache.ts';
import { run, shell } from './run.ts';

/** What no board reads. Licences stay: they are what we pass the packages on under. */
const EXCLUDED = ['man', 'doc', 'locale', 'info', 'lintian', 'bug', 'bash-completion', 'zsh'].map(
  (name) => `path-exclude=/usr/share/${name}/*`,
);
const DPKG_OPTIONS = ['force-unsafe-io', ...EXCLUDED, 'path-include=/usr/share/doc/*/copyright'];

const ROLE_SCRIPT = `
root=$1 debs=$2
tar -C "$root" --numeric-owner --xattrs --xattrs-include='*' -xf "$3"
printf '#!/bin/sh\\nexit 101\\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
mkdir "$root/debs"
cp "$debs"/*.deb "$root/debs/"
mount -t proc proc "$root/proc"
trap 'umount "$root/proc"' EXIT
DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" sh -c 'dpkg --force-unsafe-io -i /debs/*.deb'
rm -rf "$root/debs" "$root/usr/sbin/policy-rc.d"
`;

export interface BaseOptions {
  readonly apt: Apt;
  readonly cache: Cache;
  readonly packages: readonly string[];
  readonly rolePackages: readonly string[];
  /** Seconds since 1970: no file is younger. */
  readonly epoch: number;
}

/** Gives the tar's path, and what is installed in it. */
export async function buildBase(
  options: BaseOptions,
): Promise<{ readonly tar: string; readonly installed: readonly ResolvedPackage[] }> {
  const { apt, cache, packages, rolePackages, epoch } = options;
  const env = { SOURCE_DATE_EPOCH: String(epoch) };
  // The package manager's own needs are part of every Debian system.
  const resolved = await apt.resolve(['?essential', ...packages]);
  const base = await cache.get(`base-${apt.arch}`, { resolved, DPKG_OPTIONS }, async (path) => {
    const scratch = await mkdtemp(join(tmpdir(), 'coracle-base-'));
    try {
      const list = join(scratch, 'sources.list');
      await writeFile(list, await apt.sources());
      await run(
        'mmdebstrap',
        [
          '--quiet',
          `--arch=${apt.arch}`,
          '--variant=essential',
          '--mode=root',
          '--format=tar',
          '--aptopt=APT::Install-Recommends "false"',
          '--aptopt=Acquire::Languages "none"',
          ...DPKG_OPTIONS.map((option) => `--dpkgopt=${option}`),
          `--include=${packages.join(',')}`,
          SUITE,
          path,
          list,
        ],
        { env },
      );
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
  if (rolePackages.length === 0) return { tar: base, installed: resolved };
  const whole = await apt.resolve(['?essential', ...packages, ...rolePackages]);
  const known = new Set(resolved.map(({ name }) => name));
  const added = whole.filter(({ name }) => !known.has(name));
  const tar = await cache.get(`role-${apt.arch}`, { resolved, added, ROLE_SCRIPT }, async (path) => {
    const scratch = await mkdtemp(join(cache.folder, '.role-'));
    try {
      const root = join(scratch, 'root');
      await apt.download(added, join(scratch, 'debs'));
      await run('mkdir', [root]);
      await shell(ROLE_SCRIPT, [root, join(scratch, 'debs'), base]);
      await run('tar', [
        ...['-C', root, '--sort=name', '--numeric-owner', '--xattrs', '--xattrs-include=*'],
        ...[`--mtime=@${epoch}`, '--clamp-mtime', '-cf', path, '.'],
      ]);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
  return { tar, installed: whole };
}
