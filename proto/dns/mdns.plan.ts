/**
 * Multicast DNS (RFC 6762) and service discovery over it (RFC 6763), as much as server and boards need to find each other on a
 * network segment. Who answers may lie: what is found is only where to knock, and the join token says whom to believe.
 */
import {
  encodeName,
  encodeRecord,
  type ResourceRecord,
  readData,
  readName,
  readRecord,
  TYPE,
} from './message.plan.ts';

export const MDNS_ADDRESS = '224.0.0.251';
export const MDNS_PORT = 5353;
/** What a Coracle server is found as. */
export const SERVICE = '_coracle._tcp.local';
const IN = 1;
/** On a question: the answer may come to the asker alone. */
const UNICAST = 0x8000;
const RESPONSE = 0x8400;
const HEADER = 12;
/** Of records and questions, in one message: more is no honest one. */
const MAX_ENTRIES = 64;

export interface Question {
  /** Lower case. */
  readonly name: string;
  readonly type: number;
  readonly unicast: boolean;
}

export interface MdnsMessage {
  readonly id: number;
  readonly response: boolean;
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  /** What a prober wants to say of the name that it asks for. */
  readonly authority: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
}

const u16 = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

/** Undefined where it is no whole message. Records of other types are left out. Never throws. */
export function parseMdns(bytes: Uint8Array): MdnsMessage | undefined {
  if (bytes.length < HEADER || (u16(bytes, 2) & 0x7800) !== 0) return undefined;
  const counts = [4, 6, 8, 10].map((at) => u16(bytes, at));
  if (counts.some((count) => count > MAX_ENTRIES)) return undefined;
  let at = HEADER;
  const questions: Question[] = [];
  for (let left = counts[0] ?? 0; left > 0; left--) {
    const name = readName(bytes, at);
    if (!name || name.end + 4 > bytes.length) return undefined;
    const cls = u16(bytes, name.end + 2);
    questions.push({
      name: name.name.toLowerCase(),
      type: u16(bytes, name.end),
      unicast: (cls & UNICAST) !== 0,
    });
    at = name.end + 4;
  }
  const sections: ResourceRecord[][] = [];
  for (const count of counts.slice(1)) {
    const records: ResourceRecord[] = [];
    for (let left = count; left > 0; left--) {
      const record = readRecord(bytes, at);
      if (!record) return undefined;
      at = record.end;
      const data = readData(bytes, record);
      if (data) records.push({ ...data, name: record.name.toLowerCase(), ttl: record.ttl });
    }
    sections.push(records);
  }
  const [answers = [], authority = [], additional = []] = sections;
  const response = (u16(bytes, 2) & 0x8000) !== 0;
  return { id: u16(bytes, 0), response, questions, answers, authority, additional };
}

export function encodeMdns(message: Partial<MdnsMessage>): Uint8Array {
  const { id = 0, response = false, questions = [], answers = [], authority = [], additional = [] } = message;
  const counts = [questions, answers, authority, additional].map(({ length }) => length);
  const bytes = [id, response ? RESPONSE : 0, ...counts].flatMap((value) => [value >> 8, value & 255]);
  for (const { name, type, unicast } of questions)
    bytes.push(...encodeName(name), type >> 8, type & 255, unicast ? UNICAST >> 8 : 0, IN);
  for (const record of [...answers, ...authority, ...additional]) bytes.push(...encodeRecord(record));
  return Uint8Array.from(bytes);
}

/** The question for servers on this segment; answers come to the asker alone. */
export const discoveryQuery = (id: number): Uint8Array =>
  encodeMdns({ id, questions: [{ name: SERVICE, type: TYPE.PTR, unicast: true }] });
