import { spawnSync } from 'node:child_process';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { archiveName, checksums, manifestText } from '#firmware/release/release.plan.ts';
import { mountsBelow, ownTables, planConfig, unitsOf } from './install.plan.ts';
import { installer } from './install.ts';
import type { Machine } from './machine.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'install-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function aMachine(over: Partial<Machine> = {}): Machine & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    root: join(directory, 'root'),
    isRoot: () => true,
    hasSystemd: () => true,
    systemctl: async (...args) => String(asked.push(`systemctl ${args.join(' ')}`)),
    run: async (...words) => String(asked.push(words.join(' '))),
    answers: async (kubeconfig) => asked.push(`is ${kubeconfig.slice(directory.length)} answered`) > 0,
    sleep: async () => {},
    say: () => {},
    asked,
    ...over,
  };
}

function aDist(): string {
  const dist = join(directory, 'dist');
  mkdirSync(join(dist, 'units'), { recursive: true });
  mkdirSync(join(dist, 'test-images'));
  for (const name of ['coracle.mjs', 'server.mjs.map', '.inputs', 'units/coracle-server.service'])
    writeFileSync(join(dist, name), name);
  writeFileSync(join(dist, 'units/coracle-agent.service'), 'agent unit');
  return dist;
}
const options = (role: 'server' | 'agent', flags: Record<string, unknown> = {}) => ({
  ...{ role, flags, withAgent: true, from: aDist(), node: join(directory, 'dist/coracle.mjs'), start: true },
});

describe('coracle install', () => {
  it('puts a server there, which comes back at every boot', async () => {
    const machine = aMachine();
    const at = (path: string): string => join(machine.root, path);
    await installer.install(options('server', { 'tls-san': ['pi.lan'] }), machine);
    expect(readFileSync(at('/usr/lib/coracle/coracle.mjs'), 'utf8')).toBe('coracle.mjs');
    expect(statSync(at('/usr/lib/coracle/bin/node')).mode & 0o777).toBe(0o755);
    for (const left of ['test-images', 'server.mjs.map', '.inputs'])
      expect(existsSync(at(`/usr/lib/coracle/${left}`))).toBe(false);
    expect(statSync(at('/usr/local/bin/coracle')).mode & 0o777).toBe(0o755);
    const config = at('/etc/coracle/config.yaml');
    expect(statSync(config).mode & 0o777).toBe(0o600);
    expect(parse(readFileSync(config, 'utf8'))).toEqual({
      'tls-san': ['pi.lan'],
      server: 'https://127.0.0.1:6443',
      token: expect.stringMatching(/^[a-z0-9]{6}\.[a-z0-9]{16}$/),
    });
    expect(readFileSync(at('/etc/systemd/system/coracle-agent.service'), 'utf8')).toBe('agent unit');
    expect(machine.asked).toEqual([
      'systemctl daemon-reload',
      'systemctl enable --quiet coracle-server.service coracle-agent.service',
      'systemctl restart coracle-server.service coracle-agent.service',
      'is /root/etc/coracle/kubeconfig.yaml answered',
    ]);
  });

  it('says whether what it started came up, and where to look if not', async () => {
    const said: string[] = [];
    const say = (line: string) => void said.push(line);
    const machine = aMachine({ say, answers: async () => false });
    await installer.install(options('server'), machine);
    expect(said.join('\n')).toMatch(
      /✓ started\n! the API does not answer yet: "journalctl -u coracle-server"/,
    );
    const board = aMachine({ say, root: join(directory, 'board') });
    rmSync(join(directory, 'dist'), { recursive: true });
    await installer.install(options('agent', { token: 'abcdef.0123456789abcdef' }), board);
    expect(said.join('\n')).toMatch(/! this board has not joined yet/);
    mkdirSync(join(board.root, 'var/lib/coracle/agent/pki'), { recursive: true });
    writeFileSync(join(board.root, 'var/lib/coracle/agent/pki/node.crt'), '');
    rmSync(join(directory, 'dist'), { recursive: true });
    await installer.install(options('agent'), board);
    expect(said.join('\n')).toMatch(/✓ this board is part of the cluster/);
  });

  it('keeps token and settings when it is run again', async () => {
    const machine = aMachine();
    const config = () => parse(readFileSync(join(machine.root, '/etc/coracle/config.yaml'), 'utf8'));
    await installer.install(options('server', { 'node-name': 'one' }), machine);
    const first = config();
    rmSync(join(directory, 'dist'), { recursive: true });
    await installer.install(options('server', { 'log-level': 'debug' }), machine);
    expect(config()).toEqual({ ...first, 'log-level': 'debug' });
  });

  it.each<[string, Partial<Machine>, 'server' | 'agent', RegExp]>([
    ['without root', { isRoot: () => false }, 'server', /needs root/],
    ['without systemd', { hasSystemd: () => false }, 'agent', /no systemd here.*"coracle agent"/],
    ['without a token', {}, 'agent', /needs --token.*coracle token create/],
  ])('refuses %s, and touches nothing', async (_what, over, role, message) => {
    const machine = aMachine(over);
    await expect(installer.install(options(role), machine)).rejects.toThrow(message);
    expect(existsSync(machine.root)).toBe(false);
    expect(machine.asked).toEqual([]);
  });
});

it('takes the flags of the command over what is in the file', () => {
  const before = { server: 'https://old:6443', token: 'a' };
  expect(
    planConfig('agent', before, { server: 'https://new:6443', 'node-ip': undefined }, 'x', true),
  ).toEqual({
    server: 'https://new:6443',
    token: 'a',
  });
  expect(planConfig('server', {}, {}, 'fresh', false)).toEqual({});
  expect(unitsOf('server', { withAgent: false })).toEqual(['coracle-server.service']);
});

it('knows what is its own', () => {
  expect(
    ownTables('table ip coracle\ntable inet coracle-policy\ntable inet filter\ntable ip coracles\n'),
  ).toEqual(['table ip coracle', 'table inet coracle-policy']);
  const mounts =
    '1 2 0:1 / /var/lib/coracle/pods/a rw - tmpfs t rw\n1 2 0:1 / /var/lib/coracle/pods/a/b\\040c rw - x y z\n1 2 0:1 / /var/lib/coracles rw - a b c\n';
  expect(mountsBelow(mounts, ['/var/lib/coracle'])).toEqual([
    '/var/lib/coracle/pods/a/b c',
    '/var/lib/coracle/pods/a',
  ]);
});

describe('install.sh', () => {
  const ARCH = process.arch === 'arm64' ? 'arm64' : 'amd64';
  /** A release whose "Node" prints what it is asked. */
  function aRelease(): string {
    const release = join(directory, 'release');
    mkdirSync(join(release, 'coracle-1/bin'), { recursive: true });
    writeFileSync(join(release, 'coracle-1/bin/node'), '#!/bin/sh\necho "asked: $*"\n', { mode: 0o755 });
    const name = archiveName('1', ARCH);
    spawnSync('tar', ['-C', release, '-czf', join(release, name), 'coracle-1']);
    const bytes = readFileSync(join(release, name));
    const file = { name, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
    const manifest = manifestText({
      name: 'coracle',
      version: '1',
      kubernetes: 'v1.36.0',
      createdAt: '2026-11-29T00:00:00Z',
      files: [file],
    });
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    writeFileSync(join(release, 'manifest.json'), manifest);
    writeFileSync(join(release, 'manifest.json.sig'), sign(null, Buffer.from(manifest), privateKey));
    writeFileSync(join(release, 'release-key.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
    writeFileSync(join(release, 'SHA256SUMS'), checksums([file]));
    return release;
  }
  function runScript(from: string, ...args: string[]) {
    const script = join(import.meta.dirname, 'install.sh');
    const { status, stdout, stderr } = spawnSync('sh', [script, ...args], {
      encoding: 'utf8',
      env: { ...process.env, CORACLE_FROM: from },
    });
    return { status, text: `${stdout}${stderr}` };
  }

  it('hands over to the release once that is proved whole', () => {
    const { status, text } = runScript(aRelease(), 'agent', '--token', 'a b');
    expect(text).toMatch(/asked: \S*coracle-1\/coracle.mjs install agent --token a b/);
    expect(status).toBe(0);
  });

  it.each<[string, (release: string) => void, RegExp]>([
    ['a damaged archive', (r) => writeFileSync(join(r, archiveName('1', ARCH)), 'x'), /is damaged/],
    [
      'a manifest that somebody changed',
      (r) => writeFileSync(join(r, 'manifest.json'), '{}'),
      /is not signed/,
    ],
    ['a missing file', (r) => rmSync(join(r, 'manifest.json.sig')), /has no manifest.json.sig/],
  ])('refuses %s', (_what, damage, message) => {
    const release = aRelease();
    damage(release);
    const { status, text } = runScript(release, 'agent');
    expect(text).toMatch(message);
    expect(text).not.toContain('asked');
    expect(status).toBe(1);
  });

  it('says how it is used', () => {
    const { status, text } = runScript(directory, 'both');
    expect(text).toContain('sh install.sh agent --server https://SERVER:6443 --token TOKEN');
    expect(status).toBe(2);
  });
});
