/** What this server says of itself on the LAN. Pure; the responder beside it hears and speaks. */
import { type MdnsMessage, type Question, SERVICE } from '#proto/dns/mdns.plan.ts';
import { type ResourceRecord, TYPE } from '#proto/dns/message.plan.ts';

export interface Presence {
  /** `coracle.local`, or what was free. */
  readonly host: string;
  /** The first label of the service's instance: the server's node name. */
  readonly instance: string;
  /** Of the API. */
  readonly port: number;
  /** Where boards connect. */
  readonly linkPort: number;
}

/** A record with an address may change with it; the rest is the same for long (RFC 6762 §10). */
const HOST_SECONDS = 120;
const SERVICE_SECONDS = 4_500;
const SERVICES = '_services._dns-sd._udp.local';
/** Who asks in the old way keeps nothing for long (RFC 6762 §6.7). */
const LEGACY_SECONDS = 10;

export const hostRecord = ({ host }: Pick<Presence, 'host'>, address: string): ResourceRecord => ({
  type: TYPE.A,
  name: host,
  ip: address,
  ttl: HOST_SECONDS,
  flush: true,
});

/** All that there is to say to one segment, where this server has that address. `gone`: it says good-bye. */
export function recordsOf(presence: Presence, address: string, gone = false): ResourceRecord[] {
  const { host, port, linkPort } = presence;
  const instance = `${presence.instance}.${SERVICE}`;
  const records: ResourceRecord[] = [
    { type: TYPE.PTR, name: SERVICE, target: instance, ttl: SERVICE_SECONDS },
    { type: TYPE.PTR, name: SERVICES, target: SERVICE, ttl: SERVICE_SECONDS },
    { type: TYPE.SRV, name: instance, port, target: host, ttl: HOST_SECONDS, flush: true },
    { type: TYPE.TXT, name: instance, text: `link=${linkPort}`, ttl: SERVICE_SECONDS, flush: true },
    hostRecord(presence, address),
  ];
  return gone ? records.map((record) => ({ ...record, ttl: 0 })) : records;
}

export interface Reply {
  readonly message: MdnsMessage;
  /** To the asker alone. */
  readonly unicast: boolean;
}

/** Undefined: nothing here is ours. `legacy`: the asker is no mDNS host but a plain resolver. */
export function planReply(
  query: MdnsMessage,
  presence: Presence,
  address: string,
  legacy: boolean,
): Reply | undefined {
  if (query.response) return undefined;
  const all = recordsOf(presence, address);
  const asked = (record: ResourceRecord): boolean =>
    query.questions.some(
      ({ name, type }) => name === record.name && (type === TYPE.ANY || type === record.type),
    );
  const known = (record: ResourceRecord): boolean =>
    query.answers.some((one) => sameRecord(one, record) && 2 * (one.ttl ?? 0) >= (record.ttl ?? 0));
  const answers = all.filter((record) => asked(record) && !known(record));
  if (answers.length === 0) return undefined;
  const told = new Set(answers);
  const wantsRest = answers.some(({ type, name }) => type === TYPE.PTR && name === SERVICE);
  const additional = all.filter(
    (record) =>
      !told.has(record) &&
      record.type !== TYPE.PTR &&
      (wantsRest || (record.type === TYPE.A && answers.some(({ type }) => type === TYPE.SRV))),
  );
  const asLegacy = ({ flush: _flush, ...record }: ResourceRecord): ResourceRecord =>
    ({ ...record, ttl: LEGACY_SECONDS }) as ResourceRecord;
  const base = { id: legacy ? query.id : 0, response: true, authority: [] };
  const questions: readonly Question[] = legacy ? query.questions : [];
  return {
    message: legacy
      ? { ...base, questions, answers: answers.map(asLegacy), additional: additional.map(asLegacy) }
      : { ...base, questions, answers, additional },
    unicast: legacy || query.questions.every(({ unicast }) => unicast),
  };
}

function sameRecord(a: ResourceRecord, b: ResourceRecord): boolean {
  const data = ({ ttl: _ttl, flush: _flush, ...rest }: ResourceRecord): string =>
    JSON.stringify(Object.entries(rest).sort());
  return data(a) === data(b);
}

/** The address of another host that has our name, or wants it; undefined: nobody. */
export function rivalOf(message: MdnsMessage, host: string, own: readonly string[]): string | undefined {
  const claims = message.response ? [...message.answers, ...message.additional] : message.authority;
  for (const record of claims)
    if (record.type === TYPE.A && record.name === host && record.ttl !== 0 && !own.includes(record.ip))
      return record.ip;
  return undefined;
}

/** Both want the name at once: who has the greater address has it (RFC 6762 §8.2). */
export const yields = (own: string, rival: string): boolean => numberOf(own) < numberOf(rival);

const numberOf = (ip: string): number => ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

/** `coracle.local`, then `coracle-2.local`. */
export const hostName = (attempt: number): string =>
  attempt <= 1 ? 'coracle.local' : `coracle-${attempt}.local`;
