/** Makes the layers of the substitutes: one tar each, kept under the hash of what it is made from. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { compilePause } from '#firmware/images/build-images.ts';
import { command, must } from '../../support/boards/shell.ts';
import type { Descriptor, Layer, LayerFile } from './catalog.plan.ts';

const MODULE = join(import.meta.dirname, '..');
const BUILD_LIMIT_MS = 30 * 60_000;
/** What packages ask for that no container needs. */
const UNWANTED =
  /^(debconf|cdebconf|dpkg|install-info|perl.*|tar|init-system-helpers|libdebian-installer4|libnewt.*|libslang.*|libtextwrap.*|adduser|passwd|debianutils|libcap2-bin|sensible-utils|.*-l10n)$/;
/** As Debian has merged them; a package may still bring files under the old names. */
const MERGED = ['bin', 'sbin', 'lib', 'lib64'];

/** Makes a layer unless it is there; gives its descriptor. */
export async function makeLayer(cache: string, layer: Layer, key: string): Promise<Descriptor> {
  const path = join(cache, 'layers', key);
  if (!existsSync(path)) {
    await mkdir(dirname(path), { recursive: true });
    const root = await mkdtemp(join(cache, 'root-'));
    try {
      await fill(root, layer, cache);
      const draft = `${path}.${process.pid}`;
      await must([
        ...['tar', '--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'],
        ...['-C', root, '-cf', draft, ...(await readdir(root)).toSorted()],
      ]);
      await rename(draft, path);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  }
  return {
    mediaType: 'application/vnd.oci.image.layer.v1.tar',
    digest: await fileDigest(path),
    size: (await stat(path)).size,
  };
}

async function fileDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return `sha256:${hash.digest('hex')}`;
}

async function fill(root: string, layer: Layer, cache: string): Promise<void> {
  if (layer.debian) await unpackDebian(root, layer.debian, join(cache, 'debian'));
  if (layer.applets) await linkApplets(root);
  for (const { package: what, path, mode = 0o755 } of layer.go ?? []) {
    const target = join(root, path);
    await mkdir(dirname(target), { recursive: true });
    await must(['go', 'build', '-trimpath', '-ldflags=-s -w', '-o', target, what], {
      cwd: MODULE,
      env: { CGO_ENABLED: '0' },
      timeoutMs: BUILD_LIMIT_MS,
    });
    await chmod(target, mode);
  }
  if (layer.pause) await writeFile(join(root, 'pause'), await compilePause(), { mode: 0o755 });
  for (const file of layer.files ?? []) await place(root, file);
}

async function place(root: string, file: LayerFile): Promise<void> {
  const target = join(root, file.path);
  await mkdir(dirname(target), { recursive: true });
  if ('directory' in file) {
    await mkdir(target, { recursive: true });
    await chmod(target, file.mode ?? 0o755);
    return;
  }
  await rm(target, { force: true });
  if ('link' in file) await symlink(file.link, target);
  else if ('text' in file) await writeFile(target, file.text, { mode: file.mode ?? 0o644 });
  else {
    const module = await must(['go', 'list', '-m', '-f', '{{.Dir}}', 'k8s.io/kubernetes'], { cwd: MODULE });
    await copyFile(join(module.trim(), file.from), target);
    await chmod(target, 0o644);
  }
}

/** Unpacks packages and all that they need, but what no container needs and what people would read. */
async function unpackDebian(root: string, packages: readonly string[], cache: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  for (const name of MERGED) {
    await mkdir(join(root, 'usr', name), { recursive: true });
    await symlink(`usr/${name}`, join(root, name));
  }
  const no = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'];
  const tree = await must([
    'apt-cache',
    'depends',
    '--recurse',
    ...no.map((kind) => `--no-${kind}`),
    ...packages,
  ]);
  const wanted = [...new Set(tree.split('\n').filter((line) => /^[a-z0-9]/.test(line)))]
    .map((name) => name.replace(/:.*$/, ''))
    .filter((name) => !UNWANTED.test(name));
  const files: string[] = [];
  for (const name of [...new Set(wanted)].toSorted()) {
    const file = await download(name, cache);
    if (file !== undefined) files.push(file);
  }
  for (const file of files)
    await must([
      ...['sh', '-c', 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"', 'sh'],
      ...[file, root],
    ]);
  for (const path of [
    'doc',
    'man',
    'locale',
    'info',
    'lintian',
    'bug',
    'i18n',
    'bash-completion',
    'common-licenses',
  ])
    await rm(join(root, 'usr/share', path), { recursive: true, force: true });
}

/** From the machine's own Debian mirror; undefined for a virtual package. */
async function download(name: string, cache: string): Promise<string | undefined> {
  const has = async () => (await readdir(cache)).find((file) => file.startsWith(`${name}_`));
  const kept = await has();
  if (kept !== undefined) return join(cache, kept);
  const { code } = await command(['apt-get', 'download', '-q', name], { cwd: cache });
  const file = await has();
  return code === 0 && file !== undefined ? join(cache, file) : undefined;
}

async function linkApplets(root: string): Promise<void> {
  const busybox = join(root, 'bin/busybox');
  const applets = (await must([busybox, '--list'])).split('\n').filter(Boolean);
  for (const applet of applets)
    if (!existsSync(join(root, 'bin', applet)))
      await symlink('busybox', join(root, 'usr/bin', basename(applet)));
}

/** What a layer's content follows from, beside its recipe: the sources that build it. */
export async function layerKey(layer: Layer): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(layer));
  for (const file of [join(MODULE, 'go.sum'), import.meta.filename])
    if (file.endsWith('.ts') || layer.go) hash.update(await readFile(file));
  return hash.digest('hex').slice(0, 24);
}
