import { crc32 } from 'node:zlib';

/**
 * How one object lies in the log: a format byte, the revision as 48 bits, a CRC-32 of key, revision and JSON,
 * then the JSON. LevelDB's own checksums are not verified on reads by the binding, and they cannot
 * tell that a value sits under the wrong key; this one does both.
 */
const FORMAT = 1;
const HEADER_BYTES = 11;

export function encodeRecord(key: string, revision: number, bytes: Uint8Array): Uint8Array {
  const record = new Uint8Array(HEADER_BYTES + bytes.length);
  const view = new DataView(record.buffer);
  view.setUint8(0, FORMAT);
  view.setUint16(1, Math.floor(revision / 2 ** 32));
  view.setUint32(3, revision % 2 ** 32);
  record.set(bytes, HEADER_BYTES);
  view.setUint32(7, checksum(key, record));
  return record;
}

/** Undefined where the record is not whole. */
export function decodeRecord(
  key: string,
  record: Uint8Array,
): { revision: number; bytes: Uint8Array } | undefined {
  if (record.length < HEADER_BYTES || record[0] !== FORMAT) return undefined;
  const view = new DataView(record.buffer, record.byteOffset, record.length);
  if (view.getUint32(7) !== checksum(key, record)) return undefined;
  return {
    revision: view.getUint16(1) * 2 ** 32 + view.getUint32(3),
    bytes: record.subarray(HEADER_BYTES),
  };
}

function checksum(key: string, record: Uint8Array): number {
  return crc32(record.subarray(HEADER_BYTES), crc32(record.subarray(0, 7), crc32(key)));
}
