/**
 * Which system slot is good, and which is on trial: `boot/state` of the data partition, written here and by the initrd, which
 * counts the tries. Replaced as a whole and synced: a power cut leaves the old state or the new one.
 */
import { existsSync, readFileSync } from 'node:fs';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';

export type Slot = 'a' | 'b';

export interface SlotState {
  readonly good: Slot;
  /** On trial; undefined: none. */
  readonly try: Slot | undefined;
  /** Boots that the slot on trial has left. */
  readonly left: number;
}

export const TRIES = 3;
export const STATE_FILE = '/data/boot/state';

export const otherSlot = (slot: Slot): Slot => (slot === 'a' ? 'b' : 'a');

/** What the initrd would read: anything unexpected is as if it was not there. */
export function parseState(text: string): SlotState {
  const value = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1] ?? '';
  const slot = (text: string): Slot | undefined => (text === 'a' || text === 'b' ? text : undefined);
  const left = value('left');
  return {
    good: slot(value('good')) ?? 'a',
    try: slot(value('try')),
    left: /^\d$/.test(left) ? Number(left) : 0,
  };
}

export const formatState = (state: SlotState): string =>
  `good=${state.good}\ntry=${state.try ?? ''}\nleft=${state.left}\n`;

export const readState = (path = STATE_FILE): SlotState =>
  parseState(existsSync(path) ? readFileSync(path, 'utf8') : '');

export const writeState = (state: SlotState, path = STATE_FILE): void =>
  writeFileAtomic(path, formatState(state), 0o644);

/** What the initrd says of this boot. */
export interface BootInfo {
  readonly slot: Slot;
  readonly devices: Readonly<Record<Slot, string>>;
}

export function readBootInfo(path = '/run/coracle-boot'): BootInfo {
  const text = readFileSync(path, 'utf8');
  const value = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1] ?? '';
  return { slot: value('slot') === 'b' ? 'b' : 'a', devices: { a: value('a'), b: value('b') } };
}
