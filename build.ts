/**
 * Makes `dist/`: the command, the server and agent bundles, LevelDB's native files for each platform, the texts
 * of `kubectl explain`, and the images of every board. `dist/` runs by itself on any Node 24, with no node_modules.
 */
import { createHash } from 'node:crypto';
import { copyFile, glob, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build as esbuild, type Plugin } from 'esbuild';
import { buildImages } from '#firmware/images/build-images.ts';
import { schema } from '#proto/schema/schema.ts';
import { buildDescriptions } from '#server/apiserver/openapi/build-descriptions.ts';

const ROOT = import.meta.dirname;
const DIST = join(ROOT, 'dist');

/** One self-contained file each: a board that only runs Pods needs the command's two and `agent.mjs`, no server. */
const PROGRAMS = [
  { name: 'coracle', entry: 'server/cli/coracle.ts', native: false },
  { name: 'command', entry: 'server/cli/command.ts', native: false },
  { name: 'server', entry: 'server/main.ts', native: true },
  { name: 'agent', entry: 'agent/main.ts', native: false },
  { name: 'manifest', entry: 'agent/static/manifest.ts', native: false },
  { name: 'mqtt', entry: 'proto/agent/mqtt.ts', native: false },
  { name: 'cel', entry: 'server/cel/cel.ts', native: false },
  { name: 'backup', entry: 'server/backup/backup.ts', native: true },
  { name: 'install', entry: 'firmware-images/install/install.ts', native: false },
  { name: 'broker', entry: 'server/telemetry/embedded/main.ts', native: false },
  { name: 'board', entry: 'firmware-images/board/main.ts', native: false },
] as const;

/** Where LevelDB's native files lie in its package, and what they are called beside the bundle. */
const NATIVE = [
  { from: 'linux-x64/classic-level.node', to: 'linux-x64.node' },
  { from: 'linux-arm64/classic-level.armv8.node', to: 'linux-arm64.node' },
];

/** What `coracle install` gives to systemd; flashed boards have the same. */
const UNITS = ['coracle-server.service', 'coracle-agent.service'];

/** Code that a dependency carries and Coracle never reaches: what stands for it is a stub. */
const STUBS: readonly { readonly filter: RegExp; readonly contents: string }[] = [
  // grpc-js asks for it only to serve channelz and ORCA.
  { filter: /^@grpc\/proto-loader$/, contents: 'exports.loadSync = () => ({});' },
  { filter: /^readable-stream$/, contents: 'module.exports = require("node:stream");' },
  // mqtt: proxies, and timers that survive a sleeping browser tab.
  { filter: /^socks$/, contents: 'exports.SocksClient = {};' },
  {
    filter: /^worker-timers$/,
    contents: 'module.exports = { setInterval, clearInterval, setTimeout, clearTimeout };',
  },
  // ws: native accelerators that it does without.
  { filter: /^(bufferutil|utf-8-validate)$/, contents: 'throw new Error("not bundled");' },
];

const stubs: Plugin = {
  name: 'stubs',
  setup(build) {
    STUBS.forEach(({ filter, contents }, number) => {
      const namespace = `stub-${number}`;
      build.onResolve({ filter }, ({ path }) => ({ path, namespace }));
      build.onLoad({ filter: /.*/, namespace }, () => ({ contents, loader: 'js', resolveDir: ROOT }));
    });
  },
};

/**
 * Imports of Node's modules become calls. For an import Node makes each export of the module ready, and behind some of them
 * there is much: undici (13 MB resident) behind one of `node:http`, WebCrypto, a parser of arguments. And what
 * only a lazily imported module needs is loaded with that one. Saves an agent 1.5 MB, a server 1 MB.
 */
function byCall(source: string): string {
  return source.replace(
    NODE_IMPORT,
    (text, standard?: string, whole?: string, list?: string, name?: string) => {
      if (!name || !isBuiltin(name)) return text;
      const call = `process.getBuiltinModule('${name}')`;
      const names = (list ?? '')
        .split(',')
        .map((one) => one.trim().replace(' as ', ': '))
        .filter((one) => one !== '' && !one.startsWith('type '));
      const lines = [standard, whole].flatMap((own) => (own ? [`const ${own} = ${call};`] : []));
      if (names.length > 0) lines.push(`const { ${names.join(', ')} } = ${call};`);
      // As many lines as before: source maps go by them.
      return lines.join(' ') + '\n'.repeat(text.split('\n').length - 1);
    },
  );
}
const NODE_IMPORT =
  /^import (?!type )(?:([\w$]+)(?:, )?)?(?:\* as ([\w$]+)|\{([^}]*)\})? from ['"]([\w:/]+)['"];?$/gm;

/**
 * esbuild writes strings in ASCII and leaves regular expressions as they are. Node keeps a source with a single other
 * character in two bytes each, for as long as the program runs.
 */
const ascii = (source: string): string =>
  source.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

const sources: Plugin = {
  name: 'sources',
  setup(build) {
    build.onLoad({ filter: /\.[cm]?[jt]s$/ }, async ({ path }) => ({
      contents: ascii(byCall(await readFile(path, 'utf8'))),
      loader: path.endsWith('ts') ? 'ts' : 'js',
    }));
  },
};

/** What is loaded only when it is needed stays a file of its own: the two programs, the parsers of commands and manifests, MQTT, CEL,
 * backups, the installer. */
const programs: Plugin = {
  name: 'programs',
  setup(build) {
    build.onResolve(
      {
        filter:
          /^(#(server|agent)\/main|\.\/command|#proto\/agent\/mqtt|#agent\/static\/manifest|#server\/cel\/cel|#server\/backup\/backup|#firmware\/install\/install)\.ts$/,
      },
      ({ path, kind }) => {
        const name = /(\w+)(\/main)?\.ts$/.exec(path)?.[1];
        return kind === 'dynamic-import'
          ? { path: `./${name}.mjs`, external: true }
          : { errors: [{ text: `${path} is a file of its own: import it lazily` }] };
      },
    );
  },
};

/** LevelDB's loader searches node_modules; ours takes the file beside the bundle. */
const native = (allowed: boolean): Plugin => ({
  name: 'native',
  setup(build) {
    build.onLoad({ filter: /classic-level[\\/]binding\.js$/ }, () =>
      allowed
        ? {
            contents: `
              const file = require('node:path').join(__dirname, 'prebuilds', process.platform + '-' + process.arch + '.node');
              const loaded = { exports: {} };
              process.dlopen(loaded, file);
              module.exports = loaded.exports;`,
            loader: 'js',
          }
        : { errors: [{ text: 'this program must stay plain JavaScript: it imports LevelDB' }] },
    );
  },
});

/** CommonJS packages inside an ES module still ask for these. */
const BANNER = [
  "const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);",
  'const __dirname = import.meta.dirname, __filename = import.meta.filename;',
].join('\n');

/** A program's size, and the packages that weigh most in it. */
export interface BundleSize {
  readonly name: string;
  readonly bytes: number;
  readonly gzipBytes: number;
  readonly heaviest: readonly { readonly name: string; readonly bytes: number }[];
}

/** Builds everything; gives the sizes. */
export async function build(log: (line: string) => void): Promise<readonly BundleSize[]> {
  const inputs = await hashInputs();
  await mkdir(join(DIST, 'prebuilds'), { recursive: true });
  for (const { from, to } of NATIVE)
    await place(
      join(DIST, 'prebuilds', to),
      await readFile(join(ROOT, 'node_modules/classic-level/prebuilds', from)),
    );
  // What `kubectl explain` says: made from a dependency, so it is not in the repository.
  await buildDescriptions(join(DIST, 'openapi'), schema.packageIds());
  const sizes = await Promise.all(PROGRAMS.map(bundle));
  await buildImages({ dist: DIST, log });
  await mkdir(join(DIST, 'units'), { recursive: true });
  for (const unit of UNITS)
    await copyFile(
      join(ROOT, 'firmware-images/rootfs/usr/lib/systemd/system', unit),
      join(DIST, 'units', unit),
    );
  await copyFile(join(ROOT, 'LICENSE'), join(DIST, 'LICENSE'));
  await writeFile(join(DIST, 'sizes.json'), JSON.stringify(sizes, null, 2));
  await writeFile(join(DIST, '.inputs'), inputs);
  return sizes;
}

/** Builds unless `dist/` was made from these very sources. */
export async function buildIfStale(log: (line: string) => void): Promise<void> {
  const built = await readFile(join(DIST, '.inputs'), 'utf8').catch(() => '');
  if (built !== (await hashInputs())) await build(log);
}

async function bundle({
  name,
  entry,
  native: nativeAllowed,
}: (typeof PROGRAMS)[number]): Promise<BundleSize> {
  const result = await esbuild({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outfile: join(DIST, `${name}.mjs`),
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    logLevel: 'warning',
    banner: { js: BANNER },
    plugins: [stubs, programs, native(nativeAllowed), sources],
  });
  const code = result.outputFiles.find((file) => file.path.endsWith('.mjs'))?.contents ?? new Uint8Array();
  const missed = result.metafile.outputs[`dist/${name}.mjs`]?.imports.find(
    ({ path, kind }) => kind === 'import-statement' && isBuiltin(path),
  );
  if (missed) throw new Error(`${name} imports ${missed.path} in a form that the build does not know`);
  for (const file of result.outputFiles) await place(file.path, file.contents);
  const output = Object.entries(result.metafile.outputs).find(([path]) => path.endsWith('.mjs'))?.[1];
  const weights = new Map<string, number>();
  for (const [path, { bytesInOutput }] of Object.entries(output?.inputs ?? {})) {
    const owner =
      /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path.split('/').slice(0, 2).join('/');
    weights.set(owner, (weights.get(owner) ?? 0) + bytesInOutput);
  }
  return {
    name,
    bytes: code.length,
    gzipBytes: gzipSync(code).length,
    heaviest: [...weights]
      .map(([name, bytes]) => ({ name, bytes }))
      .sort((a, b) => b.bytes - a.bytes)
      .slice(0, 8),
  };
}

/** Everything that goes into `dist/`, but tests. */
async function hashInputs(): Promise<string> {
  const hash = createHash('sha256');
  const files: string[] = [];
  for await (const file of glob(
    ['{agent,server,proto,firmware-images}/**/*', 'build.ts', 'package-lock.json'],
    {
      cwd: ROOT,
      withFileTypes: true,
    },
  ))
    if (file.isFile() && !/\.(test|case)\.ts$|\.md$/.test(file.name))
      files.push(join(file.parentPath, file.name));
  for (const file of files.sort()) hash.update(file.slice(ROOT.length)).update(await readFile(file));
  return hash.digest('hex');
}

/** Replaces a file in one step: a program that runs from `dist/` never reads half of it. */
async function place(path: string, contents: Uint8Array): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.${process.pid}`);
  await writeFile(draft, contents);
  await rename(draft, path);
}

if (import.meta.main) {
  if (process.argv.includes('--clean')) await rm(DIST, { recursive: true, force: true });
  const kib = (bytes: number) => `${Math.round(bytes / 1024)} KiB`;
  try {
    for (const { name, bytes, gzipBytes, heaviest } of await build((line) =>
      process.stdout.write(`${line}\n`),
    ))
      process.stdout.write(
        `dist/${name}.mjs: ${kib(bytes)}, ${kib(gzipBytes)} gzipped (${heaviest
          .slice(0, 5)
          .map((part) => `${part.name} ${kib(part.bytes)}`)
          .join(', ')})\n`,
      );
  } catch (err) {
    // esbuild has printed where; its stack says nothing about our code.
    process.stderr.write(`build: ${(err as Error).message.split('\n', 1)[0]}\n`);
    process.exitCode = 1;
  }
}
