/**
 * Compiles the images' programs and writes `dist/images/<architecture>/*.tar`, plus the shell image for tests in
 * `dist/test-images/`. What is up to date stays: each tar carries the hash of its inputs beside it in the cache.
 * An architecture without a compiler is skipped with a message; the machine's own is required.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import {
  type Architecture,
  IMAGES,
  type ImageRecipe,
  type Program,
  planBusyboxImage,
} from './catalog.plan.ts';
import { type ImageSpec, planImage } from './oci.plan.ts';

const run = promisify(execFile);
const SOURCES = import.meta.dirname;
/** No C library, no stack guards that need one, and nothing that differs from build to build. */
const CFLAGS = [
  ...['-std=gnu11', '-Os', '-Wall', '-Wextra', '-Werror', '-ffreestanding', '-fno-builtin'],
  ...[
    '-fno-stack-protector',
    '-fno-asynchronous-unwind-tables',
    '-fno-pie',
    '-static',
    '-no-pie',
    '-nostdlib',
  ],
  ...['-Wl,--build-id=none', '-Wl,-z,noexecstack', '-s'],
];

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export interface BuildImagesOptions {
  /** The `dist` directory. */
  readonly dist: string;
  readonly log: (line: string) => void;
}

/** The machine's own, as Go calls it. */
export function hostArchitecture(): Architecture {
  return process.arch === 'arm64' ? 'arm64' : 'amd64';
}

/** Resolves with the architectures for which the images exist now. */
export async function buildImages({ dist, log }: BuildImagesOptions): Promise<readonly Architecture[]> {
  const built: Architecture[] = [];
  for (const architecture of ['amd64', 'arm64'] as const) {
    const compiler = await findCompiler(architecture);
    if (!compiler) {
      if (architecture === hostArchitecture()) throw new Error('no gcc: install it to build the pause image');
      log(`images for ${architecture}: skipped, no cross compiler`);
      continue;
    }
    for (const recipe of IMAGES)
      await buildOne(
        join(dist, 'images', architecture, `${recipe.file}.tar`),
        recipe,
        architecture,
        compiler,
        log,
      );
    built.push(architecture);
  }
  await buildBusybox(join(dist, 'test-images', 'busybox.tar'), log);
  return built;
}

async function buildOne(
  target: string,
  recipe: ImageRecipe,
  architecture: Architecture,
  compiler: string,
  log: (line: string) => void,
): Promise<void> {
  const inputs = createHash('sha256').update(JSON.stringify([CFLAGS, recipe.program, compiler]));
  for (const file of ['system.h', recipe.program.source, 'oci.plan.ts', 'catalog.plan.ts'])
    inputs.update(await readFile(join(SOURCES, file)));
  await cached(target, inputs.digest('hex'), log, async () =>
    recipe.spec(await compile(recipe.program, compiler), architecture),
  );
}

async function buildBusybox(target: string, log: (line: string) => void): Promise<void> {
  const path = await firstExisting(['/bin/busybox', '/usr/bin/busybox']);
  if (!path) return;
  const binary = await readFile(path);
  const inputs = createHash('sha256').update(binary);
  for (const file of ['oci.plan.ts', 'catalog.plan.ts']) inputs.update(await readFile(join(SOURCES, file)));
  await cached(target, inputs.digest('hex'), log, () => describeBusybox(path, hostArchitecture()));
}

async function describeBusybox(path: string, architecture: Architecture): Promise<ImageSpec> {
  const { stdout } = await run(path, ['--list']);
  return planBusyboxImage(await readFile(path), stdout.split('\n').filter(Boolean).sort(), architecture);
}

/** The shell image for tests from a static busybox, which this machine must be able to run. */
export async function busyboxArchive(path: string, architecture: Architecture): Promise<Uint8Array> {
  return planImage(await describeBusybox(path, architecture), sha256);
}

/** Writes the image unless the one there was made from the same inputs. Atomic: two builds may run at a time. */
async function cached(
  target: string,
  inputs: string,
  log: (line: string) => void,
  make: () => Promise<ImageSpec>,
): Promise<void> {
  const stamp = `${target}.inputs`;
  if ((await readFile(stamp, 'utf8').catch(() => '')) === inputs && (await exists(target))) return;
  const spec = await make();
  const bytes = planImage(spec, sha256);
  await mkdir(dirname(target), { recursive: true });
  const draft = `${target}.${process.pid}`;
  await writeFile(draft, bytes);
  await rename(draft, target);
  await writeFile(stamp, inputs);
  log(`image ${spec.name} for ${spec.architecture}: ${bytes.length} bytes`);
}

/** The program of the pause image, for this machine; for tests that carry it in an image of their own. */
export async function compilePause(): Promise<Uint8Array> {
  const compiler = await findCompiler(hostArchitecture());
  if (!compiler) throw new Error('no gcc: install it to build the pause image');
  return compile({ source: 'pause.c', defines: {} }, compiler);
}

async function compile(program: Program, compiler: string): Promise<Uint8Array> {
  const directory = await mkdtemp(join(tmpdir(), 'coracle-image-'));
  try {
    const defines = Object.entries(program.defines).map(([name, value]) => `-D${name}=${value}`);
    const output = join(directory, 'program');
    await run(compiler, [...CFLAGS, ...defines, '-o', output, program.source], { cwd: SOURCES });
    return await readFile(output);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function findCompiler(architecture: Architecture): Promise<string | undefined> {
  const triplet = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[architecture];
  const names = architecture === hostArchitecture() ? ['gcc', `${triplet}-gcc`] : [`${triplet}-gcc`];
  for (const name of names)
    if (
      await run(name, ['--version']).then(
        () => true,
        () => false,
      )
    )
      return name;
  return undefined;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function firstExisting(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await exists(path)) return path;
  return undefined;
}

if (import.meta.main)
  await buildImages({
    dist: join(SOURCES, '../../dist'),
    log: (line) => process.stdout.write(`${line}\n`),
  });
