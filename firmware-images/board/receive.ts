/**
 * An upgrade comes in: checked, written to the slot that does not run, read back, and only then put on trial. Until that last
 * step, which is one rename on the disk, the board is as it was: the power may go at any byte.
 */
import { createHash, createPublicKey } from 'node:crypto';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  checked,
  checkSignature,
  readHead,
  UpgradeError,
  type UpgradeManifest,
} from '#proto/upgrade/bundle.ts';
import { compareVersions } from '#proto/upgrade/version.ts';
import type { Image } from './configure.ts';
import { type BootInfo, otherSlot, type Slot, type SlotState, TRIES } from './slots.ts';

export interface ReceiveDeps {
  readonly image: Image;
  /** PEM, public. */
  readonly key: string;
  readonly boot: BootInfo;
  readonly state: SlotState;
  readonly writeState: (state: SlotState) => void;
  /** Empties the kernel's memory of a device, so that what is read after it comes from the card. */
  readonly forget: (device: string) => void;
}

export const UPGRADE_KEY = join(import.meta.dirname, 'upgrade-key.pem');

const BLOCK = 1024 * 1024;

/** Gives what was put on trial, and where. Throws an {@link UpgradeError}; the running system is never touched. */
export async function receive(
  stream: AsyncIterable<Uint8Array>,
  deps: ReceiveDeps,
): Promise<{ readonly slot: Slot; readonly manifest: UpgradeManifest }> {
  const { boot, state, writeState } = deps;
  if (state.good !== boot.slot)
    throw new UpgradeError('this system is on trial itself: it must be good before another one comes');
  const head = await readHead(stream);
  checkSignature(head, createPublicKey(deps.key));
  const { manifest } = head;
  checkFits(manifest, deps.image);
  const slot = otherSlot(boot.slot);
  // What was on trial there is over.
  writeState({ good: state.good, try: undefined, left: 0 });
  const device = await open(boot.devices[slot], 'r+');
  try {
    await checkRoom(device, manifest);
    await writeAll(device, checked(manifest, head.rest));
    await device.sync();
  } finally {
    await device.close();
  }
  deps.forget(boot.devices[slot]);
  if ((await hashOf(boot.devices[slot], manifest.sizeBytes)) !== manifest.sha256)
    throw new UpgradeError('the card does not give back what was written to it');
  writeState({ good: state.good, try: slot, left: TRIES });
  return { slot, manifest };
}

function checkFits({ board, role, version }: UpgradeManifest, image: Image): void {
  if (board !== image.board || role !== image.role)
    throw new UpgradeError(
      `the upgrade is for ${board}, ${role}; this board is ${image.board}, ${image.role}`,
    );
  if (compareVersions(version, image.version) < 0)
    throw new UpgradeError(`the upgrade is of ${version}, older than ${image.version} that runs here`);
}

async function checkRoom(device: FileHandle, { sizeBytes }: UpgradeManifest): Promise<void> {
  // The last byte there is: a block device says its size no other way.
  const { bytesRead } = await device.read(Buffer.alloc(1), 0, 1, sizeBytes - 1);
  if (bytesRead !== 1) throw new UpgradeError(`the upgrade has ${sizeBytes} bytes, more than a slot holds`);
}

/** In whole blocks: small writes cost a card dearly. */
async function writeAll(device: FileHandle, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const block = Buffer.alloc(BLOCK);
  let filled = 0;
  let at = 0;
  const flush = async (): Promise<void> => {
    for (let done = 0; done < filled; )
      done += (await device.write(block, done, filled - done, at + done)).bytesWritten;
    at += filled;
    filled = 0;
  };
  for await (const chunk of bytes) {
    for (let taken = 0; taken < chunk.length; ) {
      const part = chunk.subarray(taken, taken + BLOCK - filled);
      block.set(part, filled);
      filled += part.length;
      taken += part.length;
      if (filled === BLOCK) await flush();
    }
  }
  await flush();
}

async function hashOf(path: string, sizeBytes: number): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(path, 'r');
  try {
    for await (const chunk of file.createReadStream({
      end: sizeBytes - 1,
      autoClose: false,
      highWaterMark: BLOCK,
    }))
      hash.update(chunk as Buffer);
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

export const readUpgradeKey = (): Promise<string> => readFile(UPGRADE_KEY, 'utf8');
