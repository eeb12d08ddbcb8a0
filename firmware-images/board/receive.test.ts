import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { formatHead, type UpgradeManifest } from '#proto/upgrade/bundle.ts';
import { receive } from './receive.ts';
import type { SlotState } from './slots.ts';

const keys = generateKeyPairSync('ed25519');
const system = Buffer.alloc(2_500_000, 'system');
const OLD = Buffer.alloc(4_000_000, 'old');

function aBoard(state: SlotState = { good: 'a', try: undefined, left: 0 }) {
  const folder = mkdtempSync(join(tmpdir(), 'coracle-receive-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const devices = { a: join(folder, 'a'), b: join(folder, 'b') };
  writeFileSync(devices.a, OLD);
  writeFileSync(devices.b, OLD);
  const states: SlotState[] = [];
  const deps = {
    image: { board: 'rpi', arch: 'arm64', bootLoader: 'raspberry-pi', role: 'agent', version: '1.2.0' },
    key: keys.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    boot: { slot: 'a', devices },
    state,
    writeState: (next: SlotState) => void states.push(next),
    forget: () => {},
  } as const;
  return { deps, devices, states };
}

function anUpgrade(more: Partial<UpgradeManifest> = {}, bytes = system): AsyncIterable<Uint8Array> {
  const manifest: UpgradeManifest = {
    name: 'x',
    version: '1.3.0',
    board: 'rpi',
    role: 'agent',
    sizeBytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    ...more,
  };
  return (async function* () {
    yield formatHead(manifest, keys.privateKey);
    for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
  })();
}

it('writes the other slot, and puts it on trial last', async () => {
  const { deps, devices, states } = aBoard();
  expect(await receive(anUpgrade(), deps)).toMatchObject({ slot: 'b', manifest: { version: '1.3.0' } });
  expect(readFileSync(devices.b).subarray(0, system.length).equals(system)).toBe(true);
  expect(readFileSync(devices.a).equals(OLD)).toBe(true);
  expect(states).toEqual([
    { good: 'a', try: undefined, left: 0 },
    { good: 'a', try: 'b', left: 3 },
  ]);
});

it.each([
  ['for another board', { board: 'arm64-uefi' }, 'for arm64-uefi, agent; this board is rpi, agent'],
  ['for another role', { role: 'server' }, 'for rpi, server'],
  ['that is older', { version: '1.1.9' }, 'older than 1.2.0'],
  ['that does not fit', { sizeBytes: 5_000_000 }, 'more than a slot holds'],
  ['that is damaged', { sha256: '0'.repeat(64) }, 'damaged'],
] as const)('refuses one %s, and leaves the board as it is', async (_, more, words) => {
  const { deps, devices, states } = aBoard();
  await expect(receive(anUpgrade(more), deps)).rejects.toThrow(words);
  expect(states.every((state) => state.try === undefined && state.good === 'a')).toBe(true);
  expect(readFileSync(devices.a).equals(OLD)).toBe(true);
});

it('refuses a card that does not keep what was written', async () => {
  const { deps, devices, states } = aBoard();
  const forget = (device: string) => {
    expect(device).toBe(devices.b);
    writeFileSync(device, OLD);
  };
  await expect(receive(anUpgrade(), { ...deps, forget })).rejects.toThrow('does not give back');
  expect(states.at(-1)?.try).toBeUndefined();
});

it('refuses while the system that runs is on trial itself', async () => {
  const { deps, states } = aBoard({ good: 'b', try: 'a', left: 2 });
  await expect(receive(anUpgrade(), deps)).rejects.toThrow('on trial itself');
  expect(states).toEqual([]);
});
