/**
 * DNS messages (RFC 1035, EDNS of RFC 6891), as much of them as a resolver for stubs needs. Whatever comes from the network is
 * read with every bound checked: a packet can be wrong, it can't be harmful.
 */
export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const;
export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;
const IN = 1;
/** The upper byte of the class. */
const FLUSH = 0x80;
const HEADER = 12;
const MAX_NAME = 255;
/** What goes through every network in one piece. */
export const EDNS_SIZE = 1232;
const PLAIN_SIZE = 512;

export interface Query {
  readonly id: number;
  readonly recursionDesired: boolean;
  /** Lower case, without the dot at its end; `''` is the root. */
  readonly name: string;
  readonly type: number;
  /** The question as it came, for the answer: its spelling is the client's. */
  readonly question: Uint8Array;
  /** What an answer over UDP may have. */
  readonly size: number;
  readonly edns: boolean;
  readonly dnssecOk: boolean;
  /** What is wrong with it, when something is; the rest is then as far as it could be read. */
  readonly rcode: number;
}

export type Data =
  | { readonly type: typeof TYPE.A; readonly ip: string }
  | { readonly type: typeof TYPE.AAAA; readonly ip: string }
  | { readonly type: typeof TYPE.CNAME | typeof TYPE.PTR | typeof TYPE.NS; readonly target: string }
  | { readonly type: typeof TYPE.SRV; readonly port: number; readonly target: string }
  | { readonly type: typeof TYPE.TXT; readonly text: string }
  | { readonly type: typeof TYPE.SOA; readonly domain: string };

export type ResourceRecord = Data & {
  readonly name: string;
  /** Seconds; {@link TTL_SECONDS} when absent. */
  readonly ttl?: number;
  /** In place of all that was known of the name before (RFC 6762 §10.2). */
  readonly flush?: boolean;
};

export interface Answer {
  readonly rcode: number;
  readonly authoritative: boolean;
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  /** Left out where there is no room. */
  readonly additional: readonly ResourceRecord[];
}

/** Short, so that a name follows its Service at once; as upstream's. */
export const TTL_SECONDS = 5;

const u16 = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

/** Undefined: not worth an answer (an answer itself, or too short to have an id). Never throws. */
export function parseQuery(bytes: Uint8Array): Query | undefined {
  if (bytes.length < HEADER) return undefined;
  const flags = u16(bytes, 2);
  if (flags & 0x8000) return undefined;
  const base = {
    id: u16(bytes, 0),
    recursionDesired: (flags & 0x0100) !== 0,
    name: '',
    type: 0,
    question: new Uint8Array(),
    size: PLAIN_SIZE,
    edns: false,
    dnssecOk: false,
  };
  if ((flags >> 11) & 15) return { ...base, rcode: RCODE.NOTIMP };
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => u16(bytes, at));
  const malformed: Query = { ...base, rcode: RCODE.FORMERR };
  if (questions !== 1 || answers !== 0 || authorities !== 0 || (additionals ?? 0) > 4) return malformed;
  const name = readName(bytes, HEADER, false);
  if (!name || name.end + 4 > bytes.length) return malformed;
  const type = u16(bytes, name.end);
  const cls = u16(bytes, name.end + 2);
  const asked = {
    ...base,
    name: name.name.toLowerCase(),
    type,
    question: bytes.slice(HEADER, name.end + 4),
  };
  let at = name.end + 4;
  let edns = { size: PLAIN_SIZE, edns: false, dnssecOk: false };
  for (let left = additionals ?? 0; left > 0; left--) {
    const record = readRecord(bytes, at);
    if (!record) return malformed;
    if (record.type === TYPE.OPT) {
      if (edns.edns) return malformed;
      edns = {
        size: Math.min(Math.max(record.cls, PLAIN_SIZE), EDNS_SIZE),
        edns: true,
        dnssecOk: (record.ttl & 0x8000) !== 0,
      };
      if ((record.ttl >>> 16) & 255) return { ...asked, ...edns, rcode: RCODE.BADVERS };
    }
    at = record.end;
  }
  const refused = cls !== IN || type === TYPE.AXFR || type === TYPE.IXFR;
  return { ...asked, ...edns, rcode: refused ? RCODE.REFUSED : RCODE.NOERROR };
}

export interface ReadName {
  readonly name: string;
  /** Behind it, where it was found. */
  readonly end: number;
}

/** Pointers only lead back, and every step is counted: no packet makes this run long. */
export function readName(bytes: Uint8Array, start: number, pointers = true): ReadName | undefined {
  const labels: string[] = [];
  let at = start;
  let end: number | undefined;
  let length = 0;
  for (;;) {
    const size = bytes[at];
    if (size === undefined) return undefined;
    if (size === 0) return { name: labels.join('.'), end: end ?? at + 1 };
    if (size >= 0xc0) {
      if (!pointers || at + 1 >= bytes.length) return undefined;
      const to = u16(bytes, at) & 0x3fff;
      if (to >= at) return undefined;
      end ??= at + 2;
      at = to;
      continue;
    }
    length += size + 1;
    if (size > 63 || length > MAX_NAME || at + 1 + size > bytes.length) return undefined;
    let label = '';
    for (let i = at + 1; i <= at + size; i++) label += String.fromCharCode(bytes[i] ?? 0);
    labels.push(label);
    at += size + 1;
  }
}

export interface ReadRecord {
  readonly name: string;
  readonly type: number;
  readonly cls: number;
  readonly ttl: number;
  /** Where its time to live stands. */
  readonly ttlAt: number;
  readonly dataAt: number;
  readonly end: number;
}

/** What a record says, of the types that are needed here. */
export function readData(bytes: Uint8Array, { type, dataAt, end }: ReadRecord): Data | undefined {
  const data = bytes.subarray(dataAt, end);
  switch (type) {
    case TYPE.A:
      return data.length === 4 ? { type, ip: data.join('.') } : undefined;
    case TYPE.AAAA: {
      if (data.length !== 16) return undefined;
      return { type, ip: Array.from({ length: 8 }, (_, i) => u16(data, 2 * i).toString(16)).join(':') };
    }
    case TYPE.CNAME:
    case TYPE.PTR: {
      const target = readName(bytes, dataAt);
      return target ? { type, target: target.name.toLowerCase() } : undefined;
    }
    case TYPE.SRV: {
      const target = data.length > 6 ? readName(bytes, dataAt + 6) : undefined;
      return target ? { type, port: u16(data, 4), target: target.name.toLowerCase() } : undefined;
    }
    case TYPE.TXT: {
      const length = data[0] ?? 0;
      return { type, text: String.fromCharCode(...data.subarray(1, 1 + length)) };
    }
    default:
      return undefined;
  }
}

export function readRecord(bytes: Uint8Array, at: number): ReadRecord | undefined {
  const name = readName(bytes, at);
  if (!name || name.end + 10 > bytes.length) return undefined;
  const from = name.end;
  const end = from + 10 + u16(bytes, from + 8);
  if (end > bytes.length) return undefined;
  const ttl = u16(bytes, from + 4) * 65536 + u16(bytes, from + 6);
  return {
    name: name.name,
    type: u16(bytes, from),
    cls: u16(bytes, from + 2),
    ttl,
    ttlAt: from + 4,
    dataAt: from + 10,
    end,
  };
}

/** The bytes of an answer of at most `limit`; with the mark of truncation where not all answers fit. */
export function encodeAnswer(query: Query, answer: Answer, limit: number): Uint8Array {
  const out: number[] = [];
  const put16 = (value: number): void => void out.push((value >> 8) & 255, value & 255);
  const opt = query.edns ? 11 : 0;
  out.push(...Array.from({ length: HEADER }, () => 0));
  for (const byte of query.question) out.push(byte);
  const asked = query.question.length > 0;
  let truncated = false;
  const counts = [0, 0, 0];
  [answer.answers, answer.authority, answer.additional].forEach((records, section) => {
    for (const record of records) {
      const bytes = encodeRecord(record, asked && record.name === query.name);
      if (truncated || out.length + bytes.length + opt > limit) {
        truncated ||= section < 2;
        return;
      }
      for (const byte of bytes) out.push(byte);
      counts[section] = (counts[section] ?? 0) + 1;
    }
  });
  if (query.edns) {
    out.push(0);
    put16(TYPE.OPT);
    put16(EDNS_SIZE);
    out.push((answer.rcode >> 4) & 255, 0, query.dnssecOk ? 0x80 : 0, 0, 0, 0);
    counts[2] = (counts[2] ?? 0) + 1;
  }
  const bytes = Uint8Array.from(out);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, query.id);
  const flags =
    0x8080 |
    (answer.authoritative ? 0x0400 : 0) |
    (truncated ? 0x0200 : 0) |
    (query.recursionDesired ? 0x0100 : 0);
  view.setUint16(2, flags | (answer.rcode & 15));
  view.setUint16(4, asked ? 1 : 0);
  for (const [index, count] of counts.entries()) view.setUint16(6 + 2 * index, count);
  return bytes;
}

/** A query for another server, clean of whatever else the client's had. */
export function encodeQuery(query: Pick<Query, 'question' | 'edns' | 'dnssecOk'>, id: number): Uint8Array {
  const bytes = [id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, query.edns ? 1 : 0, ...query.question];
  if (query.edns)
    bytes.push(0, 0, TYPE.OPT, EDNS_SIZE >> 8, EDNS_SIZE & 255, 0, 0, query.dnssecOk ? 0x80 : 0, 0, 0, 0);
  return Uint8Array.from(bytes);
}

/** The question of a name, for a query of our own. */
export function encodeQuestion(name: string, type: number): Uint8Array {
  return Uint8Array.from([...encodeName(name), type >> 8, type & 255, 0, IN]);
}

/** `pointsBack`: its name is that of the question. */
export function encodeRecord(record: ResourceRecord, pointsBack = false): number[] {
  const data = encodeData(record);
  const name = pointsBack ? [0xc0, HEADER] : encodeName(record.name);
  const { type, ttl = TTL_SECONDS } = record;
  return [
    ...name,
    ...[type >> 8, type & 255, record.flush ? FLUSH : 0, IN],
    ...[ttl >>> 24, (ttl >> 16) & 255, (ttl >> 8) & 255, ttl & 255, data.length >> 8, data.length & 255],
    ...data,
  ];
}

function encodeData(data: Data): number[] {
  switch (data.type) {
    case TYPE.A:
      return data.ip.split('.').map((part) => Number(part) & 255);
    case TYPE.AAAA:
      return encodeIpv6(data.ip);
    case TYPE.CNAME:
    case TYPE.PTR:
    case TYPE.NS:
      return encodeName(data.target);
    case TYPE.SRV:
      return [0, 0, 0, 100, data.port >> 8, data.port & 255, ...encodeName(data.target)];
    case TYPE.TXT:
      return [data.text.length, ...ascii(data.text)];
    case TYPE.SOA:
      return [
        ...encodeName(`ns.dns.${data.domain}`),
        ...encodeName(`hostmaster.${data.domain}`),
        // Serial, refresh, retry, expire; the last is how long "there is no such name" may be believed.
        ...[1, 7200, 1800, 86_400, TTL_SECONDS].flatMap((n) => [
          n >>> 24,
          (n >> 16) & 255,
          (n >> 8) & 255,
          n & 255,
        ]),
      ];
  }
}

export function encodeName(name: string): number[] {
  const bytes: number[] = [];
  for (const label of name === '' ? [] : name.split('.')) {
    const text = ascii(label).slice(0, 63);
    bytes.push(text.length, ...text);
  }
  return [...bytes, 0];
}

const ascii = (text: string): number[] => [...text].map((char) => char.charCodeAt(0) & 255);

function encodeIpv6(ip: string): number[] {
  const [head = '', tail] = ip.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const before = groups(head);
  const after = groups(tail ?? '');
  const middle = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array.from({ length: middle }, () => '0'), ...after]
    .slice(0, 8)
    .flatMap((group) => [(Number.parseInt(group, 16) >> 8) & 255, Number.parseInt(group, 16) & 255]);
}
