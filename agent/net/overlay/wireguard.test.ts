import { createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Cluster } from '../../link/cluster.ts';
import type { Run } from '../run.ts';
import { aNode } from './fixtures.ts';
import type { TunnelPeer } from './paths.plan.ts';
import { isWireguardKey } from './wireguard.plan.ts';
import { Wireguard } from './wireguard.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'coracle-wg-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const end = { ranges: ['10.42.0.0/24'], mtu: 1440, port: 51820 };
const aPeer = (remote: string, publicKey: string | undefined): TunnelPeer => ({
  name: 'far',
  kind: 'wireguard',
  remote,
  ranges: ['10.42.2.0/24', 'fd42:0:0:2::/64'],
  publicKey,
});

/** A kernel with or without WireGuard, and the board's tools. */
function aBoard(state: { kernel?: boolean; module?: boolean; tools?: boolean } = {}) {
  const { kernel = true, module = false, tools = true } = state;
  const ran: string[] = [];
  const api: [string, string, unknown][] = [];
  let loaded = kernel;
  let there = false;
  const run: Run = async (program, args, input = '') => {
    if (program === 'modprobe') {
      loaded ||= module;
      return '';
    }
    if (program === 'wg' && !tools) throw Object.assign(new Error('spawn wg ENOENT'), { code: 'ENOENT' });
    if (args.includes('show')) {
      if (!there) throw new Error('Device "coracle.wg" does not exist.');
      return JSON.stringify([
        { mtu: 1440, flags: ['UP'], addr_info: [{ local: '10.42.0.0', prefixlen: 32 }] },
      ]);
    }
    if (input.includes('type wireguard')) {
      if (!loaded) throw new Error('Error: Unknown device type.');
      there = true;
    }
    ran.push(`${program} ${input}`);
    return '';
  };
  const cluster = {
    connected: true,
    api: async (method: string, path: string, body: unknown) => void api.push([method, path, body]),
  } as unknown as Cluster;
  const keyFile = join(folder, 'pki/wireguard.key');
  return { ran, api, keyFile, wireguard: () => new Wireguard({ keyFile, cluster, run }) };
}

it('makes a key for root alone, keeps it, and tells the public one', async () => {
  const { wireguard, keyFile, api } = aBoard();
  const { publicKey } = wireguard();
  expect(statSync(keyFile).mode & 0o777).toBe(0o600);
  const privateKey = readFileSync(keyFile, 'utf8').trim();
  expect([publicKey, privateKey].every(isWireguardKey)).toBe(true);
  expect(wireguard().publicKey).toBe(publicKey);
  await wireguard().publish(
    aNode('pi', '10.0.0.1', '', { 'network.coracle.dev/wireguard-public-key': publicKey }),
  );
  expect(api).toEqual([]);
  await wireguard().publish(aNode('pi', '10.0.0.1'));
  const annotations = { 'network.coracle.dev/wireguard-public-key': publicKey };
  expect(api).toEqual([['PATCH', '/api/v1/nodes/pi', { metadata: { annotations } }]]);
});

it('has a public key that belongs to the private one', () => {
  const { wireguard } = aBoard();
  const raw = Buffer.from(wireguard().publicKey, 'base64');
  const spki = Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), raw]);
  const other = generateKeyPairSync('x25519');
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  expect(diffieHellman({ privateKey: other.privateKey, publicKey: key }).length).toBe(32);
});

describe('apply', () => {
  it('makes the device and tells it the boards, once', async () => {
    const { wireguard, ran, keyFile } = aBoard();
    const device = wireguard();
    const peers = [aPeer('10.9.0.2', 'FAR='), aPeer('fd00::3', 'SIX='), aPeer('10.9.0.4', undefined)];
    await device.apply(end, peers);
    await device.apply(end, peers);
    expect(ran).toEqual([
      [
        'ip link add dev coracle.wg type wireguard',
        'addr replace 10.42.0.0/32 dev coracle.wg',
        'link set dev coracle.wg mtu 1440 up\n',
      ].join('\n'),
      [
        'wg [Interface]',
        `PrivateKey = ${readFileSync(keyFile, 'utf8').trim()}`,
        'ListenPort = 51820',
        '[Peer]',
        'PublicKey = FAR=',
        'Endpoint = 10.9.0.2:51820',
        'AllowedIPs = 10.42.2.0/24, fd42:0:0:2::/64',
        '[Peer]',
        'PublicKey = SIX=',
        'Endpoint = [fd00::3]:51820',
        'AllowedIPs = 10.42.2.0/24, fd42:0:0:2::/64\n',
      ].join('\n'),
    ]);
  });

  it('loads the module, and says what is missing where there is none', async () => {
    await aBoard({ kernel: false, module: true }).wireguard().apply(end, []);
    await expect(aBoard({ kernel: false }).wireguard().apply(end, [])).rejects.toThrow(
      'kernel has no WireGuard',
    );
    await expect(aBoard({ tools: false }).wireguard().apply(end, [])).rejects.toThrow('wireguard-tools');
  });
});
