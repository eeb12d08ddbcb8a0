/**
 * Debian's archive as this machine already uses it, for another release and architecture: a state of its own in a folder, so that
 * neither the machine's sources nor its packages are touched.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SUITE } from '#firmware/image.plan.ts';
import { run } from './run.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** The archive changes four times a day. */
const FRESH_MS = 60 * 60_000;
const COMPONENTS = 'main non-free-firmware';

/** A package as it would be installed now. */
export interface ResolvedPackage {
  readonly name: string;
  readonly version: string;
}

export class Apt {
  readonly arch: string;
  readonly #folder: string;
  readonly #options: readonly string[];

  private constructor(folder: string, arch: string) {
    this.arch = arch;
    this.#folder = folder;
    this.#options = [
      ...['Dir::Etc::SourceParts=/dev/null', `Dir::Etc::SourceList=${folder}/sources.list`],
      ...[`Dir::State=${folder}`, `Dir::State::Lists=${folder}/lists`, `Dir::State::status=${folder}/status`],
      ...[`Dir::Cache=${folder}`, `APT::Architecture=${arch}`, `APT::Architectures=${arch}`],
      ...['Acquire::Languages=none', 'APT::Sandbox::User=root', 'APT::Install-Recommends=false'],
      'APT::Update::Post-Invoke-Success::=',
    ].flatMap((option) => ['-o', option]);
  }

  /** Reads the archive's index. Rejects where this machine names no Debian archive. */
  static async open(folder: string, arch: string): Promise<Apt> {
    for (const name of ['lists/partial', 'archives/partial'])
      mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, 'status'), '');
    const apt = new Apt(folder, arch);
    writeFileSync(join(folder, 'sources.list'), `${(await sourceLines()).join('\n')}\n`);
    const stamp = join(folder, 'updated');
    const age = await stat(stamp).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => Number.POSITIVE_INFINITY,
    );
    if (age > FRESH_MS) {
      await run('apt-get', ['-qq', ...apt.#options, 'update']);
      writeFileSync(stamp, '');
    }
    return apt;
  }

  /** For mmdebstrap: the stable release with its updates. */
  async sources(): Promise<string> {
    return `${(await sourceLines()).filter((line) => !line.includes('-backports')).join('\n')}\n`;
  }

  /** All that would be installed into an empty system, sorted. `name/suite` picks another suite. */
  async resolve(packages: readonly string[], suite?: string): Promise<readonly ResolvedPackage[]> {
    const target = suite ? ['-t', suite] : [];
    const out = await run('apt-get', [...this.#options, ...target, '-s', '-y', 'install', ...packages]);
    return [...out.matchAll(/^Inst (\S+) \((\S+) /gm)]
      .map(([, name = '', version = '']) => ({ name, version }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Puts the files of these packages into a folder; gives their paths. */
  async download(packages: readonly ResolvedPackage[], folder: string): Promise<readonly string[]> {
    mkdirSync(folder, { recursive: true });
    await run(
      'apt-get',
      ['-qq', ...this.#options, 'download', ...packages.map((p) => `${p.name}=${p.version}`)],
      {
        cwd: folder,
      },
    );
    return (await readdir(folder)).filter((name) => name.endsWith('.deb')).map((name) => join(folder, name));
  }

  get folder(): string {
    return this.#folder;
  }
}

async function sourceLines(): Promise<readonly string[]> {
  const out = await run('apt-get', [
    'indextargets',
    '--format',
    '$(ORIGIN)|$(LABEL)|$(REPO_URI)',
    'Created-By: Packages',
  ]);
  const uriOf = (label: string): string | undefined =>
    out
      .split('\n')
      .find((line) => line.startsWith(`Debian|${label}|`))
      ?.split('|')[2];
  const archive = uriOf('Debian');
  if (!archive) throw new Error('apt knows no Debian archive: run "apt-get update"');
  const security = uriOf('Debian-Security');
  const signed = existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : '';
  const line = (uri: string, suite: string): string => `deb ${signed}${uri} ${suite} ${COMPONENTS}`;
  return [
    line(archive, SUITE),
    line(archive, `${SUITE}-updates`),
    ...(security ? [line(security, `${SUITE}-security`)] : []),
    line(archive, `${SUITE}-backports`),
  ];
}
