import { createHash, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { checked, checkSignature, formatHead, readHead, type UpgradeManifest } from './bundle.ts';
import { compareVersions } from './version.ts';

const keys = generateKeyPairSync('ed25519');
const system = Buffer.from('a system, squashed');
const manifest: UpgradeManifest = {
  name: 'coracle-1.2.3-rpi-server',
  version: '1.2.3',
  board: 'rpi',
  role: 'server',
  sizeBytes: system.length,
  sha256: createHash('sha256').update(system).digest('hex'),
};
const file = Buffer.concat([formatHead(manifest, keys.privateKey), system]);

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: Buffer, pieces = 1): Promise<string> {
  const head = await readHead(inPieces(bytes, pieces));
  checkSignature(head, keys.publicKey);
  const parts: Uint8Array[] = [];
  for await (const part of checked(head.manifest, head.rest)) parts.push(part);
  return Buffer.concat(parts).toString();
}

describe('an upgrade', () => {
  it.each([1, 7, 100, 100_000])('is read in pieces of %d bytes', async (pieces) => {
    expect(await read(file, pieces)).toBe(system.toString());
    expect((await readHead(inPieces(file, pieces))).manifest).toEqual(manifest);
  });

  it.each([
    ['something else', Buffer.from('PK\u0003\u0004'.repeat(9000)), 'no upgrade'],
    ['nothing', Buffer.alloc(0), 'no upgrade'],
    ['half a head', file.subarray(0, 30), 'no upgrade'],
    ['JSON that says nothing', Buffer.from('coracle upgrade 1\n{}\nAAAA\n'), 'not complete'],
    ['no JSON', Buffer.from('coracle upgrade 1\n{\nAAAA\n'), 'can not be read'],
    [
      'a manifest that was changed',
      Buffer.from(file.toString('latin1').replace('1.2.3"', '9.9.9"'), 'latin1'),
      'not signed',
    ],
    [
      'a byte that was changed',
      Buffer.from(file.toString('latin1').replace('squashed', 'squashex'), 'latin1'),
      'damaged',
    ],
    ['an end that is missing', file.subarray(0, -1), 'ends after 17 of 18 bytes'],
    ['more than it should have', Buffer.concat([file, file]), 'longer than it says'],
  ])('is refused with %s', async (_, bytes, words) => {
    await expect(read(bytes, 4096)).rejects.toThrow(words);
  });

  it('is refused from another key', async () => {
    const other = Buffer.concat([formatHead(manifest, generateKeyPairSync('ed25519').privateKey), system]);
    await expect(read(other)).rejects.toThrow('not signed with the key');
  });
});

it.each([
  ['1.2.3', '1.2.3', 0],
  ['1.2.3', '1.2.10', -1],
  ['2.0.0', '1.9.9', 1],
  ['1.2.3-rc.1', '1.2.3', -1],
  ['1.2.3-rc.2', '1.2.3-rc.10', -1],
  ['v1.2.3+a', '1.2.3+b', 0],
  ['1.2', '1.2.0', -1],
])('%s against %s', (a, b, sign) => {
  expect(Math.sign(compareVersions(a, b))).toBe(sign);
  expect(Math.sign(compareVersions(b, a))).toBe(-sign || 0);
});
