/** Answers of other servers: checked, kept for a while, handed on under the client's own id and spelling. */
import {
  type Query,
  RCODE,
  type ResourceRecord,
  readData,
  readRecord,
  TYPE,
} from '#proto/dns/message.plan.ts';

export interface Forwarded {
  readonly bytes: Uint8Array;
  readonly rcode: number;
  readonly truncated: boolean;
  /** How long it may be kept; 0: not at all. */
  readonly ttlSeconds: number;
  /** Where times to live stand in it. */
  readonly ttlsAt: readonly number[];
  /** Of the answer section, what {@link chased} can hand on. */
  readonly records: readonly ResourceRecord[];
}

/** Longer than this a changed name is not missed on a home network. */
const MAX_TTL_SECONDS = 30;
const HEADER = 12;

const u16 = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

/** Undefined where it is not the answer to this question. Never throws. */
export function parseForwarded(bytes: Uint8Array, id: number, question: Uint8Array): Forwarded | undefined {
  const flags = u16(bytes, 2);
  if (bytes.length < HEADER + question.length || u16(bytes, 0) !== id || !(flags & 0x8000)) return undefined;
  if (u16(bytes, 4) !== 1 || !sameQuestion(bytes.subarray(HEADER, HEADER + question.length), question))
    return undefined;
  const ttlsAt: number[] = [];
  const records: ResourceRecord[] = [];
  let ttl = MAX_TTL_SECONDS;
  let seen = 0;
  let at = HEADER + question.length;
  const counts = [u16(bytes, 6), u16(bytes, 8), u16(bytes, 10)];
  for (const [section, count] of counts.entries())
    for (let left = count; left > 0; left--) {
      const record = readRecord(bytes, at);
      if (!record) return undefined;
      at = record.end;
      if (record.type === TYPE.OPT) continue;
      ttlsAt.push(record.ttlAt);
      ttl = Math.min(ttl, record.ttl);
      seen++;
      const data = section === 0 ? readData(bytes, record) : undefined;
      if (data) records.push({ ...data, name: record.name.toLowerCase() });
    }
  const rcode = flags & 15;
  const truncated = (flags & 0x0200) !== 0;
  // "No such name" without a record that says for how long is not kept.
  const kept = !truncated && seen > 0 && (rcode === RCODE.NOERROR || rcode === RCODE.NXDOMAIN);
  return { bytes, rcode, truncated, ttlSeconds: kept ? ttl : 0, ttlsAt, records };
}

/** As the client sees it: its id, its question's spelling, and times that have gone by since. */
export function handOn(forwarded: Forwarded, query: Query, ageSeconds: number, limit: number): Uint8Array {
  const { bytes, ttlsAt } = forwarded;
  const whole = bytes.length <= limit;
  const out = bytes.slice(0, whole ? bytes.length : HEADER + query.question.length);
  const view = new DataView(out.buffer);
  view.setUint16(0, query.id);
  out.set(query.question, HEADER);
  if (whole) {
    for (const at of ttlsAt) view.setUint32(at, Math.max(0, view.getUint32(at) - ageSeconds));
  } else {
    view.setUint16(2, view.getUint16(2) | 0x0200);
    for (const at of [6, 8, 10]) view.setUint16(at, 0);
  }
  return out;
}

function sameQuestion(a: Uint8Array, b: Uint8Array): boolean {
  const lower = (byte = 0): number => (byte >= 65 && byte <= 90 ? byte + 32 : byte);
  return a.length === b.length && a.every((byte, index) => lower(byte) === lower(b[index]));
}
