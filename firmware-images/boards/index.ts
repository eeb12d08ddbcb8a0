import { amd64Uefi } from './amd64-uefi.ts';
import { arm64Uefi } from './arm64-uefi.ts';
import type { Board } from './board.ts';
import { rpi } from './rpi.ts';

/**
 * Every board that an image can be built for. 32-bit ARM (`armhf`) is not among them: Node 24 does not exist for it,
 * and the last Node that did is past its end of life.
 */
export const boards: readonly Board[] = [rpi, arm64Uefi, amd64Uefi];
