/**
 * `npm run release [-- --output DIR] [--sign-key FILE] [--arch ARCH]`: a tarball for each architecture, or for the one, with
 * programs, Node, images and systemd units, the installer, checksums and a signed manifest. Nothing else is needed on the
 * board but Debian's packages.
 */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ownKey, sha256, sourceDateEpoch } from '#firmware/build/build-image.ts';
import { Cache } from '#firmware/build/cache.ts';
import { fetchNode } from '#firmware/build/node-runtime.ts';
import { run } from '#firmware/build/run.ts';
import { addCoracle } from '#firmware/build/system.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import { KUBERNETES_VERSION, VERSION } from '#proto/version.ts';
import { buildIfStale } from '../../build.ts';
import { archiveName, checksums, manifestText, type ReleasedFile } from './release.plan.ts';

const ROOT = join(import.meta.dirname, '../..');
const ARCHITECTURES = ['amd64', 'arm64'] as const;
const log = (line: string): void => void process.stdout.write(`release: ${line}\n`);

/** One folder with its name in front, in an order and with times that the same sources always give. */
const TAR_SCRIPT = `
tar -C "$1" --sort=name --mtime="@$3" --owner=0 --group=0 --numeric-owner -cf - "$2" | gzip -9n > "$4"
`;

try {
  const { values } = parseArgs({
    options: { output: { type: 'string' }, 'sign-key': { type: 'string' }, arch: { type: 'string' } },
  });
  const architectures = ARCHITECTURES.filter((arch) => (values.arch ?? arch) === arch);
  if (architectures.length === 0)
    throw new Error(`--arch is one of ${ARCHITECTURES.join(', ')}, not ${values.arch}`);
  const output = values.output ?? join(ROOT, '.cache/release');
  const cacheFolder = join(ROOT, '.cache/images');
  const key = createPrivateKey(
    values['sign-key'] === undefined ? ownKey(cacheFolder, log) : await readFile(values['sign-key'], 'utf8'),
  );
  await buildIfStale(log);
  await mkdir(output, { recursive: true });
  const epoch = await sourceDateEpoch(ROOT);
  const cache = new Cache(cacheFolder, log);
  const names = ['install.sh', 'release-key.pem'];
  await copyFile(join(ROOT, 'firmware-images/install/install.sh'), join(output, 'install.sh'));
  await writeFile(
    join(output, 'release-key.pem'),
    createPublicKey(key).export({ type: 'spki', format: 'pem' }),
  );
  for (const arch of architectures) {
    const name = archiveName(VERSION, arch);
    const scratch = await mkdtemp(join(tmpdir(), 'coracle-release-'));
    try {
      const { path: node } = await fetchNode(ROOT, arch, cache);
      const folder = `coracle-${VERSION}`;
      await addCoracle(scratch, { dist: join(ROOT, 'dist'), node, arch });
      await run('mv', [join(scratch, 'usr/lib/coracle'), join(scratch, folder)]);
      await rm(join(scratch, folder, 'test-images'), { recursive: true, force: true });
      await copyFile(join(ROOT, 'README.md'), join(scratch, folder, 'README.md'));
      await run('sh', ['-euc', TAR_SCRIPT, 'sh', scratch, folder, String(epoch), join(output, name)]);
      names.push(name);
      log(`${name}: ${((await stat(join(output, name))).size / 2 ** 20).toFixed(1)} MiB`);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }
  const files: ReleasedFile[] = await Promise.all(
    names.map(async (name) => ({
      name,
      bytes: (await stat(join(output, name))).size,
      sha256: await sha256(join(output, name)),
    })),
  );
  const manifest = manifestText({
    name: 'coracle',
    version: VERSION,
    kubernetes: KUBERNETES_VERSION,
    createdAt: timestamp(epoch * 1000),
    files,
  });
  await writeFile(join(output, 'manifest.json'), manifest);
  await writeFile(join(output, 'manifest.json.sig'), sign(null, Buffer.from(manifest), key));
  await writeFile(join(output, 'SHA256SUMS'), checksums(files));
  log(`in ${output}: sh install.sh server, on a board beside these files`);
} catch (err) {
  process.stderr.write(`release: ${(err as Error).message}\n`);
  process.exitCode = 1;
}
