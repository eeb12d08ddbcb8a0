/** `coracle install server|agent` and `coracle uninstall`: a program of its own, for it is needed once. */
import { existsSync, readFileSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';
import { SERVER_OPTIONS } from '#server/options.ts';
import { formatToken, generateToken } from '#server/tokens/token-format.ts';
import { COMMAND_SCRIPT, PLACES, planConfig, type Role, refusal, unitsOf } from './install.plan.ts';
import type { Machine } from './machine.ts';
import { uninstall } from './uninstall.ts';

export interface InstallOptions {
  readonly role: Role;
  /** Of the program, by name; undefined where not given. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** For a server: its board runs Pods too. */
  readonly withAgent: boolean;
  /** Where the running programs are: a `dist/`, or an unpacked release. */
  readonly from: string;
  readonly node: string;
  readonly start: boolean;
}

export const installer = { install, uninstall };

async function install(options: InstallOptions, machine: Machine): Promise<void> {
  const { role, flags, withAgent, start } = options;
  if (!machine.isRoot()) throw new Error('installing needs root: sudo coracle install …');
  if (!machine.hasSystemd())
    throw new Error(
      `there is no systemd here to run it; have your own supervisor run "coracle ${role}", which stays in the foreground`,
    );
  const at = (path: string): string => `${machine.root}${path}`;
  const before = existsSync(at(PLACES.config)) ? (parse(readFileSync(at(PLACES.config), 'utf8')) ?? {}) : {};
  const config = planConfig(role, before, flags, formatToken(generateToken()), withAgent);
  const refused = refusal(role, config);
  if (refused) throw new Error(refused);

  await copyPrograms(options, at(PLACES.programs));
  machine.say(`✓ programs in ${PLACES.programs}, command ${PLACES.command}`);
  await mkdir(dirname(at(PLACES.command)), { recursive: true });
  await writeFile(at(PLACES.command), COMMAND_SCRIPT);
  await chmod(at(PLACES.command), 0o755);
  writeFileAtomic(at(PLACES.config), stringify(config), 0o600);
  machine.say(`✓ settings in ${PLACES.config}`);
  const units = unitsOf(role, { withAgent });
  await mkdir(at(PLACES.units), { recursive: true });
  for (const unit of units)
    await cp(at(`${PLACES.programs}/units/${unit}`), at(`${PLACES.units}/${unit}`), { force: true });
  await machine.systemctl('daemon-reload');
  await machine.systemctl('enable', '--quiet', ...units);
  machine.say(`✓ services ${units.join(' and ')}, started at every boot`);
  if (!start) return machine.say(`\nStart with:  systemctl start ${units.join(' ')}`);
  await machine.systemctl('restart', ...units);
  machine.say('✓ started');
  if (await comesUp(role, config, machine))
    machine.say(`✓ ${role === 'server' ? 'the API answers' : 'this board is part of the cluster'}`);
  else machine.say(`! ${HELP[role]}`);
  machine.say(`\n${nextSteps(role)}`);
}

const HELP: Readonly<Record<Role, string>> = {
  server: 'the API does not answer yet: "journalctl -u coracle-server" tells how far it is',
  agent: `this board has not joined yet, and goes on trying: "journalctl -u coracle-agent" says what is in its way`,
};
const PATIENCE_MS = 60_000;
const LOOK_MS = 500;

/** A server has come up when its API answers, an agent when the server has given it a certificate. */
async function comesUp(
  role: Role,
  config: Readonly<Record<string, unknown>>,
  machine: Machine,
): Promise<boolean> {
  const at = (name: keyof typeof SERVER_OPTIONS, below = ''): string =>
    `${machine.root}${config[name] ?? SERVER_OPTIONS[name].defaultValue}${below}`;
  const isUp = async (): Promise<boolean> =>
    role === 'server'
      ? machine.answers(at('write-kubeconfig'))
      : existsSync(at('data-dir', '/agent/pki/node.crt'));
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += LOOK_MS) {
    if (await isUp()) return true;
    await machine.sleep(LOOK_MS);
  }
  return false;
}

const nextSteps = (role: Role): string =>
  role === 'server'
    ? `See it come up:      journalctl -fu coracle-server
Use it:              export KUBECONFIG=/etc/coracle/kubeconfig.yaml && kubectl get nodes
Add another board:   coracle token create
Take it away again:  coracle uninstall`
    : `See it join:         journalctl -fu coracle-agent
Take it away again:  coracle uninstall`;

/** In two steps, so that a power cut leaves the old programs or the new ones. */
async function copyPrograms({ from, node }: InstallOptions, target: string): Promise<void> {
  if (from === target) return;
  const draft = `${target}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  for (const name of await readdir(from)) {
    if (name === 'bin' || name === 'test-images' || name.endsWith('.map') || name.startsWith('.')) continue;
    await cp(join(from, name), join(draft, name), { recursive: true });
  }
  await mkdir(join(draft, 'bin'));
  await cp(node, join(draft, 'bin/node'));
  await chmod(join(draft, 'bin/node'), 0o755);
  await rm(`${target}.old`, { recursive: true, force: true });
  if (existsSync(target)) await rename(target, `${target}.old`);
  await rename(draft, target);
  await rm(`${target}.old`, { recursive: true, force: true });
}
