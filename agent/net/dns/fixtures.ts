import { readName, readRecord, TYPE } from '#proto/dns/message.plan.ts';

const NAMES = Object.fromEntries(Object.entries(TYPE).map(([name, number]) => [number, name]));

/** A query as a stub resolver sends it. */
export function aQuery(
  name: string,
  type: number,
  more: { id?: number; flags?: number; edns?: number; version?: number; cls?: number } = {},
): Uint8Array {
  const { id = 7, flags = 0x0100, edns, version = 0, cls = 1 } = more;
  const labels = name === '' ? [] : name.split('.');
  const bytes = [id >> 8, id & 255, flags >> 8, flags & 255, 0, 1, 0, 0, 0, 0, 0, edns === undefined ? 0 : 1];
  for (const label of labels) bytes.push(label.length, ...Buffer.from(label));
  bytes.push(0, type >> 8, type & 255, cls >> 8, cls & 255);
  if (edns !== undefined) bytes.push(0, 0, TYPE.OPT, edns >> 8, edns & 255, 0, version, 0, 0, 0, 0);
  return Uint8Array.from(bytes);
}

export interface Told {
  readonly rcode: number;
  readonly truncated: boolean;
  /** `A 10.43.0.20`, of the answer section. */
  readonly answers: readonly string[];
  readonly authority: readonly string[];
  readonly additional: readonly string[];
}

/** Reads an answer, and throws where it is not a whole message. */
export function told(bytes: Uint8Array): Told {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 12;
  if (view.getUint16(4) === 1) at = (readName(bytes, at)?.end ?? Number.NaN) + 4;
  const sections = [6, 8, 10].map((count) =>
    Array.from({ length: view.getUint16(count) }, () => {
      const record = readRecord(bytes, at);
      if (!record) throw new Error(`no record at ${at} of ${bytes.length}`);
      at = record.end;
      return `${NAMES[record.type]}${dataText(bytes, record)}`;
    }),
  );
  if (at !== bytes.length) throw new Error(`${bytes.length - at} bytes too many`);
  const [answers = [], authority = [], additional = []] = sections;
  return {
    rcode: view.getUint16(2) & 15,
    truncated: (view.getUint16(2) & 0x0200) !== 0,
    answers,
    authority,
    additional,
  };
}

function dataText(bytes: Uint8Array, record: { type: number; dataAt: number; end: number }): string {
  const data = bytes.subarray(record.dataAt, record.end);
  const name = (from: number): string => readName(bytes, record.dataAt + from)?.name ?? '?';
  if (record.type === TYPE.A) return ` ${data.join('.')}`;
  if (record.type === TYPE.AAAA) return ` ${Buffer.from(data).toString('hex')}`;
  if (record.type === TYPE.TXT) return ` ${Buffer.from(data.subarray(1)).toString()}`;
  if (record.type === TYPE.SRV) return ` ${(data[4] ?? 0) * 256 + (data[5] ?? 0)} ${name(6)}`;
  if (record.type === TYPE.CNAME || record.type === TYPE.PTR || record.type === TYPE.NS) return ` ${name(0)}`;
  return '';
}
