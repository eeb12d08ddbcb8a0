/** The smallest program there is that starts and never does anything: a loop of one instruction, as an ELF file. */
import type { Board } from '#firmware/boards/board.ts';

const LOAD_AT = 0x40_0000;
const HEADER = 64;
const SEGMENT = 56;

/** Branches to themselves: `jmp .` and `b .`; and what ELF calls the processor. */
const LOOPS = {
  amd64: { machine: 62, code: [0xeb, 0xfe] },
  arm64: { machine: 183, code: [0x00, 0x00, 0x00, 0x14] },
} as const;

export function hangingProgram(arch: Board['arch']): Buffer {
  const { machine, code } = LOOPS[arch];
  const start = HEADER + SEGMENT;
  const file = Buffer.alloc(start + code.length);
  // 64 bits, little endian.
  file.write('\x7fELF\x02\x01\x01', 'latin1');
  file.writeUInt16LE(2, 16); // an executable
  file.writeUInt16LE(machine, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(LOAD_AT + start), 24);
  file.writeBigUInt64LE(BigInt(HEADER), 32); // where segments are told of
  file.writeUInt16LE(HEADER, 52);
  file.writeUInt16LE(SEGMENT, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, HEADER); // to be loaded
  file.writeUInt32LE(5, HEADER + 4); // read and execute
  file.writeBigUInt64LE(BigInt(LOAD_AT), HEADER + 16);
  file.writeBigUInt64LE(BigInt(LOAD_AT), HEADER + 24);
  file.writeBigUInt64LE(BigInt(file.length), HEADER + 32);
  file.writeBigUInt64LE(BigInt(file.length), HEADER + 40);
  file.writeBigUInt64LE(0x1000n, HEADER + 48);
  Buffer.from(code).copy(file, start);
  return file;
}
