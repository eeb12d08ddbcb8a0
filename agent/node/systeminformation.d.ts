/**
 * The parts of systeminformation that the agent calls. The package's index loads all of it, Wi-Fi, printers and graphics
 * too: 250 KB more in the memory of a board.
 */
declare module 'systeminformation/lib/cpu.js' {
  import type { Systeminformation } from 'systeminformation';
  export function currentLoad(): Promise<Systeminformation.CurrentLoadData>;
}

declare module 'systeminformation/lib/memory.js' {
  import type { Systeminformation } from 'systeminformation';
  export function mem(): Promise<Systeminformation.MemData>;
}

declare module 'systeminformation/lib/system.js' {
  import type { Systeminformation } from 'systeminformation';
  export function system(): Promise<Systeminformation.SystemData>;
}
