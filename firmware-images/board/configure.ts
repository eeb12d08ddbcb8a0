/** Reads `coracle.yaml` at every boot and carries out its plan; what is wrong in it is written beside it. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { parse as parseYaml, YAMLParseError } from 'yaml';
import { AGENT_OPTIONS } from '#agent/options.ts';
import { OptionError, resolveOptions } from '#proto/config/options.ts';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';
import { SERVER_OPTIONS } from '#server/options.ts';
import { formatToken, generateToken } from '#server/tokens/token-format.ts';
import type { BootPartition } from './boot-partition.ts';
import { type BoardConfig, readBoardConfig, roleProblems } from './config.plan.ts';
import { type BoardPlan, errorsText, planBoard, roleOf } from './configure.plan.ts';

export const CONFIG_FILE = 'coracle.yaml';
export const ERRORS_FILE = 'CORACLE-ERRORS.txt';
const OWN_TOKEN = '/data/etc/coracle/own-token';
const HOST_KEY = '/data/etc/ssh/ssh_host_ed25519_key';

export interface Image {
  readonly board: string;
  readonly arch: string;
  readonly bootLoader: 'systemd-boot' | 'raspberry-pi';
  readonly role: 'server' | 'agent';
  readonly version: string;
}

export const readImage = (): Image =>
  JSON.parse(readFileSync(join(import.meta.dirname, 'board.json'), 'utf8')) as Image;

/** The plan, or what is in its way. */
export function readConfigFile(
  text: string | undefined,
  facts: Parameters<typeof planBoard>[1],
): { readonly plan?: BoardPlan; readonly problems: readonly string[] } {
  let value: unknown;
  try {
    value = text === undefined ? {} : parseYaml(text.replace(/^\ufeff/, ''));
  } catch (err) {
    return { problems: [yamlProblem(err)] };
  }
  const { config, problems } = readBoardConfig(value);
  const role = roleOf(config, facts);
  const all = [
    ...(text === undefined && role === 'agent' ? [`there is no ${CONFIG_FILE} here`] : []),
    ...problems,
    // A token that is there and wrong has been told of already.
    ...(problems.some((problem) => problem.startsWith('token:')) ? [] : roleProblems(config, role)),
    ...optionProblems(config, role),
  ];
  return all.length > 0 ? { problems: all } : { plan: planBoard(config, facts), problems: [] };
}

/** Runs before the network is set up. */
export function configure(boot: BootPartition, say: (line: string) => void): void {
  const { role } = readImage();
  const id = readFileSync('/etc/machine-id', 'utf8').trim();
  const { plan, problems } = readConfigFile(boot.read(CONFIG_FILE), {
    imageRole: role,
    uniqueName: `coracle-${id.slice(0, 6)}`,
    ownToken: ownToken(),
  });
  if (!plan || !existsSync(join('/usr/share/zoneinfo', plan.timeZone))) {
    const found = plan ? [`time-zone: there is no "${plan.timeZone}"; as Europe/Berlin`] : problems;
    for (const problem of found) say(`${CONFIG_FILE}: ${problem}`);
    boot.put(ERRORS_FILE, errorsText(found));
    return;
  }
  boot.remove(ERRORS_FILE);
  for (const { path, text, mode } of plan.files) {
    mkdirSync(dirname(path), { recursive: true });
    if (path.startsWith('/etc/coracle/')) writeFileAtomic(path, text, mode);
    else writeFileSync(path, text, { mode });
    chmodSync(path, mode);
  }
  rmSync('/etc/localtime', { force: true });
  symlinkSync(join('/usr/share/zoneinfo', plan.timeZone), '/etc/localtime');
  writeFileSync('/proc/sys/kernel/hostname', plan.name);
  if (plan.ssh && !existsSync(HOST_KEY)) makeHostKey(plan.name);
  say(`this is ${plan.name}, ${plan.role}`);
  for (const unit of plan.start) spawnSync('systemctl', ['start', '--no-block', unit], { stdio: 'inherit' });
}

/** A power cut leaves no half of it: an empty key would keep ssh out for good. */
function makeHostKey(name: string): void {
  const made = `${HOST_KEY}.new`;
  rmSync(made, { force: true });
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', made]);
  execFileSync('sync', ['-f', made]);
  renameSync(made, HOST_KEY);
  rmSync(`${made}.pub`, { force: true });
}

/** Options are checked by the very table that the program reads them with. */
function optionProblems(config: BoardConfig, role: 'server' | 'agent'): readonly string[] {
  const [table, other] =
    role === 'server' ? [SERVER_OPTIONS, AGENT_OPTIONS] : ([AGENT_OPTIONS, SERVER_OPTIONS] as const);
  try {
    const file = config.options;
    resolveOptions(table, { flags: {}, environment: {}, file, alsoInFile: Object.keys(other) });
    return [];
  } catch (err) {
    if (!(err instanceof OptionError)) throw err;
    return err.problems.map((problem) => `options: ${problem.replace(' in the configuration file', '')}`);
  }
}

function yamlProblem(err: unknown): string {
  if (!(err instanceof YAMLParseError)) return String(err);
  const line = err.linePos?.[0].line;
  const [what] = err.message.split('\n', 1);
  return `${line ? `line ${line}: ` : ''}${what?.replace(/ at line \d+, column \d+:?$/, '')}`;
}

/** Made once, and kept: the board's own agent has joined with it. */
function ownToken(): string {
  if (existsSync(OWN_TOKEN)) return readFileSync(OWN_TOKEN, 'utf8').trim();
  const token = formatToken(generateToken());
  writeFileAtomic(OWN_TOKEN, `${token}\n`);
  return token;
}
